"""Scores, intervals, calibration, slices, behaviour and label errors are what the field means by them."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from judges import guesses
from safetensors.numpy import load_file
from sklearn.metrics import average_precision_score
from tiny import Clone, edit_params

from scoring.calibration import fit_temperature
from scoring.clusters import single_rows
from scoring.scores import classification_scores
from stages.common.errors import UserError
from stages.common.params import EvaluateParams
from stages.evaluate.__main__ import main
from stages.evaluate.plots import OTHERS, confusion_table, curve_tables
from stages.evaluate.slices import check_columns, slice_table


def slicing(*columns: str) -> EvaluateParams:
    return EvaluateParams(batch_size=16, resamples=500, slices=list(columns), seed=0)


def test_a_bad_slice_is_flagged() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"label": ["a", "b", "b", "a", "b"] * 200, "source": ["web", "mail", "web", "phone"] * 250})
    rows["year"] = [str(year) for year in random.integers(1950, 2020, size=1000)]  # text, as from a CSV file
    rows.loc[::10, "year"] = ""
    correct = random.random(1000) < np.where(rows["source"] == "phone", 0.7, 0.9)
    num_tokens = random.integers(5, 300, size=1000)
    tokens = Dataset.from_dict({"num_tokens": num_tokens, "length": np.minimum(num_tokens, 256)})
    table = slice_table(rows, tokens, correct, single_rows(correct), slicing("source", "year")).set_index("slice")
    assert table.index[table["worse"]].tolist() == ["source=phone"]
    assert {"label=a", "label=b", "truncated=yes", "truncated=no", "source=web", "source=mail"} < set(table.index)
    assert [name.split(" (")[0] for name in table.index if name.startswith(("tokens", "year"))] == [
        *(f"{column} q{number}" for column in ("tokens", "year") for number in range(1, 5)),
        "year=(missing)",
    ]
    phone = table.loc["source=phone"]
    assert phone["n"] == 250
    assert phone["accuracy"] == correct[rows["source"] == "phone"].mean()
    assert phone["low"] < phone["accuracy"] < phone["high"]


def test_nothing_to_slice(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.DataFrame({"label": ["a", "b"] * 5, "source": "web"})
    tokens = Dataset.from_dict({"num_tokens": [7] * 10, "length": [7] * 10})
    correct = np.arange(10) > 2
    table = slice_table(rows, tokens, correct, single_rows(correct), slicing("source"))
    assert len(table) == 0
    assert capsys.readouterr().err == "evaluate.slices: no part of source has 20 rows, and others beside it\n"


def test_a_column_that_is_not_there_is_named() -> None:
    rows = pd.DataFrame(columns=["text", "label", "origin", "source", "stars"])
    check_columns(["stars"], rows)
    with pytest.raises(UserError, match=r"evaluate\.slices: the data has no column 'star' .* are source, stars$"):
        check_columns(["source", "star"], rows)


def test_a_confusion_of_many_classes_stays_readable() -> None:
    random = np.random.default_rng(0)
    labels = [f"class {number}" for number in range(200)]
    truth = np.arange(2000) % 200
    chosen = np.where(truth == 7, 8, truth)
    chosen[random.integers(2000, size=30)] = 0
    table = confusion_table(truth, chosen, labels)
    shown = set(table["actual"]) | set(table["predicted"])
    assert len(shown) == 25
    assert {"class 0", "class 7", "class 8", OTHERS} < shown
    pairs = table.value_counts()
    assert len(table) == 2000
    assert pairs["class 7", "class 8"] + pairs.get(("class 7", "class 0"), 0) == 10
    few = confusion_table(truth % 3, truth % 3, ["a", "b", "c"])
    assert set(few["actual"]) == {"a", "b", "c"}


def test_one_class_alone_has_no_curve() -> None:
    truth, probabilities = np.ones(20, int), np.tile([0.3, 0.7], (20, 1))
    roc, precision_recall = curve_tables(truth, probabilities, ["negative", "positive"])
    assert (list(roc), list(precision_recall), len(roc)) == (["fpr", "tpr"], ["recall", "precision"], 0)


@pytest.mark.parametrize("num_classes", [2, 12])
def test_the_area_under_the_drawn_curve_is_the_score(num_classes: int) -> None:
    truth, probabilities = guesses(np.random.default_rng(0), 2000, num_classes)
    labels = [f"class {number}" for number in range(num_classes)]
    roc, precision_recall = curve_tables(truth, probabilities, labels)
    area = np.trapezoid(roc["tpr"], roc["fpr"])
    assert area == pytest.approx(classification_scores(truth, probabilities)["roc_auc"], abs=0.002)
    assert len(roc.columns) == len(precision_recall.columns) == (2 if num_classes == 2 else 12)
    judged = [1] if num_classes == 2 else range(num_classes)
    averages = [average_precision_score(truth == number, probabilities[:, number]) for number in judged]
    assert precision_recall["precision"].mean() == pytest.approx(np.mean(averages), abs=0.005)


def test_the_stage_judges_slices_and_leaves_tables_and_never_fits_on_the_test_split(clone: Clone) -> None:
    folder = clone.folder
    before = json.loads(clone.read("metrics/evaluate.json"))
    test = pd.read_parquet(folder / "data/prepared/test.parquet")
    swapped = {"negative": "positive", "positive": "negative"}
    changed = test.assign(label=test["label"].map(swapped), shop=["web", "mail"] * (len(test) // 2))
    changed.to_parquet(folder / "data/prepared/test.parquet", index=False)
    edit_params(folder, **{"evaluate.slices": ["shop"]})
    screen = clone.run("python", "-m", "stages.evaluate")
    scores = json.loads(clone.read("metrics/evaluate.json"))
    assert scores["accuracy"] == pytest.approx(1 - before["accuracy"], abs=2e-4)
    assert f"accuracy   {scores['accuracy']:.3f} [" in screen
    assert "280 rows read" in screen
    assert scores["clusters"] == scores["rows"] == len(test)  # data.split is random here
    validation = pd.read_parquet(folder / "data/prepared/validation.parquet")["label"] == "positive"
    logits = load_file(folder / "models/adapter/logits.safetensors")["validation"]
    assert scores["temperature"] == before["temperature"] == fit_temperature(logits, validation.to_numpy().astype(int))
    assert scores["accuracy_ci95_low"] <= scores["accuracy"] <= scores["accuracy_ci95_high"]
    margin = scores["accuracy"] - scores["baseline"]["accuracy"]
    assert scores["margin_accuracy"] == pytest.approx(margin, abs=2e-4)
    assert set(scores["uncalibrated"]) == {"brier", "ece", "log_loss"}

    slices = pd.read_csv(folder / "metrics/plots/slices.csv")
    assert {"shop=web", "shop=mail"} < set(slices["slice"])
    assert scores["slices"] == {"looked_at": len(slices), "worse": slices["worse"].sum()}
    left = {path.name: pd.read_csv(path) for path in (folder / "data/evaluation").iterdir()}
    assert set(left) == {
        "behaviour_failures.csv",
        "classes.csv",
        "confident_mistakes.csv",
        "label_errors.csv",
        "predictions.csv",
    }
    predictions = left["predictions.csv"]
    assert predictions["shop"].tolist() == changed["shop"].tolist()
    assert predictions["row_id"].tolist() == changed["row_id"].tolist()
    assert {"group", "origin", "cluster", "p_negative", "p_positive"} < set(predictions)
    assert predictions["correct"].mean() == pytest.approx(scores["accuracy"], abs=1e-4)
    wrong = left["confident_mistakes.csv"]
    assert len(wrong) == (~predictions["correct"]).sum()
    assert wrong["confidence"].is_monotonic_decreasing
    errors = left["label_errors.csv"]
    assert errors.columns.tolist() == ["split", "row_id", "origin", "label", "suggested", "score", "text"]
    assert scores["label_errors"] == {name: (errors["split"] == name).sum() for name in ("test", "train")}
    assert len(left["behaviour_failures.csv"]) == round(
        scores["behaviour"]["failure_rate"] * scores["behaviour"]["cases"], 1
    )


def test_a_slice_column_that_is_not_there_stops_the_stage(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_params(clone.folder, **{"evaluate.slices": ["shop"]})
    before = clone.read("metrics/evaluate.json")
    monkeypatch.chdir(clone.folder)
    with pytest.raises(
        UserError,
        match=r"^evaluate\.slices: the data has no column 'shop' to slice by: there are none but text and label$",
    ):
        main()
    assert clone.read("metrics/evaluate.json") == before


def test_the_page_of_plots_shows_every_table_and_needs_no_network(reproduced: Clone, tmp_path: Path) -> None:
    reproduced.run("python", "-m", "sharing.plots", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text(encoding="utf-8")
    for title in ("Confusion", "Precision and recall", "ROC", "Accuracy on parts", "Is the model right as often"):
        assert f'"title": {{"text": "{title}' in page
    for line in ("reliability.csv::accuracy", "reliability.csv::perfectly_calibrated", "reliability_uncalibrated.csv"):
        assert line in page
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)  # all of Vega is in it
    assert page.count("<script") == page.count("</script>") == page.count("vegaEmbed('#") + 1

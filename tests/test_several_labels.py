"""Several labels a row, through all stages, predict in the exported folder, and the review of two such models."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from tiny import WORDS, Clone, edit_params, made_once, make_clone
from transformers import pipeline

from scoring.clusters import single_rows
from scoring.judges import LabelSets
from scoring.multilabel import label_set_scores
from scoring.paired import paired_differences
from scoring.resampling import Scorer
from stages.common.label_sets import as_matrix

LABELS = ["blame", "music", "praise", "walkout"]  # each for a reason of its own: no class stands for a row
OFTEN = 0.4  # of the texts that give a reason to walk out somebody does: rarely more likely than not


def labelled_sets(count: int) -> list[tuple[str, list[str]]]:
    random = Random(0)
    rows = []
    for _ in range(count):
        words = random.sample([word for word in WORDS if word not in ("music", "plot")], 1)
        words += [str(random.randrange(2000)) for _ in range(random.randrange(1, 3))]
        labels = []
        for label, cue, share in (("blame", "bad", 0.5), ("music", "music", 0.4), ("praise", "good", 0.5)):
            if random.random() < share:
                words += [cue] * 3
                labels.append(label)
        if random.random() < 0.3:
            words += ["plot"] * 3
            labels += ["walkout"] * (random.random() < OFTEN)
        random.shuffle(words)
        rows.append((" ".join(words), labels))
    return rows


@pytest.fixture(scope="module")
def several(shared: Path, base_model: Path) -> Clone:
    """A clone in which the pipeline has run on rows with several labels, one text each with ; between them."""

    def run_pipeline(folder: Path) -> None:
        clone = make_clone(folder, base_model)
        rows = labelled_sets(900)
        clone.write("data/raw/tiny.csv", "text,label\n" + "".join(f"{text},{';'.join(sets)}\n" for text, sets in rows))
        sizes = {"data.train_rows": 520, "data.validation_rows": 180, "data.test_rows": 180}
        several = {"data.labels": None, "data.multi_label": True, "data.label_separator": ";"}
        learn = {"train.epochs": 8, "train.learning_rate": 0.004, "lora.target_modules": "all-linear"}
        learn |= {"lora.layers": "all", "lora.dropout": 0.0, "export.max_int8_accuracy_lost": 0.05}
        edit_params(folder, **sizes, **several, **learn)
        clone.run("dvc", "repro")
        clone.commit("Several labels a row")

    return Clone(made_once(shared / "several", run_pipeline))


def predictions_of(clone: Clone) -> pd.DataFrame:
    return pd.read_csv(clone.folder / "data/evaluation/predictions.csv", keep_default_na=False)


def test_sets_are_learnt_and_scored_as_the_field_does(several: Clone) -> None:
    scores, table = json.loads(several.read("metrics/evaluate.json")), predictions_of(several)
    truth, chosen = (as_matrix(table[column], LABELS) for column in ("label", "predicted"))
    probabilities = table[[f"p_{label}" for label in LABELS]].to_numpy()
    assert scores["accuracy"] == pytest.approx((truth == chosen).all(axis=1).mean(), abs=1e-4)
    assert scores["accuracy"] == pytest.approx(table["correct"].mean(), abs=1e-4)
    assert scores["accuracy"] > table["label"].value_counts(normalize=True).max() + 0.1, "no set is frequent"
    assert scores["f1_macro"] > 0.7
    for name, average in (("f1", "micro"), ("f1_macro", "macro")):
        assert scores[name] == pytest.approx(f1_score(truth, chosen, average=average), abs=1e-4)
        assert scores[f"{name}_ci95_low"] < scores[name] < scores[f"{name}_ci95_high"]
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(truth, probabilities, average="macro"), abs=1e-3)
    assert {"margin_accuracy", "margin_f1", "ece", "log_loss", "brier"} <= set(scores)
    slices = pd.read_csv(several.folder / "metrics/plots/slices.csv")["slice"]
    assert {f"label={label}" for label in LABELS[:3]} <= set(slices)
    confusion = pd.read_csv(several.folder / "metrics/plots/confusion.csv").value_counts()
    assert confusion["praise", "praise"] == (truth & chosen)[:, 2].sum()
    assert confusion["(none)", "walkout"] == (~truth & chosen)[:, 3].sum()


def test_a_threshold_finds_a_label_that_is_seldom_more_likely_than_not(several: Clone) -> None:
    scores, table = json.loads(several.read("metrics/evaluate.json")), predictions_of(several)
    truth, chosen = (as_matrix(table[column], LABELS)[:, 3] for column in ("label", "predicted"))
    assert scores["thresholds"]["walkout"] < 0.5
    assert (chosen == (table["p_walkout"] >= scores["thresholds"]["walkout"])).all()
    at_half = f1_score(truth, table["p_walkout"] >= 0.5, zero_division=0)
    assert f1_score(truth, chosen) > at_half + 0.2


def test_the_exported_folder_alone_gives_the_same_sets(several: Clone, tmp_path: Path) -> None:
    exported = shutil.copytree(several.folder / "models/export", tmp_path / "export")
    table = predictions_of(several)
    table[["text", "label"]].to_csv(tmp_path / "in.csv", index=False)

    def predict(*arguments: object) -> str:
        command = [sys.executable, "-m", "predict", "--precision", "fp32", "--threads", "1", *map(str, arguments)]
        return subprocess.run(command, cwd=exported, text=True, check=True, stdout=subprocess.PIPE).stdout

    sets = table["label"].str.replace("|", ";")
    table.assign(label=sets)[["text", "label"]].to_csv(tmp_path / "in.csv", index=False)
    scored = json.loads(predict("--input", tmp_path / "in.csv", "--label-column", "label", "--json"))
    scores = json.loads(several.read("metrics/evaluate.json"))
    assert scored["scored"] == len(table)
    for name in ("accuracy", "f1", "f1_macro"):
        assert scored[name] == pytest.approx(scores[name], abs=1e-4)
    predict("--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)["predicted_labels"]
    names = [sorted(filter(None, text.split(";"))) for text in found]
    assert ["|".join(each) for each in names] == table["predicted"].tolist()
    predict("--input", tmp_path / "in.csv", "--output", tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [sorted(row["predicted_labels"]) for row in rows] == names
    assert all(len(row["predicted_labels"]) == len(row["predicted_probabilities"]) for row in rows)
    answer = json.loads(predict("--json", "--top-k", 4, table["text"][0]))
    assert set(answer["predicted_labels"]) == set(LABELS)

    classify = pipeline("text-classification", model=str(exported), device="cpu")
    for label, probability in ((item["label"], item["score"]) for item in classify(table["text"][0], top_k=None)):
        assert table[f"p_{label}"][0] == pytest.approx(probability, abs=1e-4)
    assert "any number of 4 labels" in (exported / "README.md").read_text()


def test_scores_on_resamples_are_those_of_the_resampled_rows() -> None:
    random = np.random.default_rng(0)
    truth, probabilities = random.random((200, 3)) < [0.5, 0.2, 0.01], random.random((200, 3))
    chosen = probabilities > 0.6
    drawn = random.integers(200, size=200)
    weights = np.bincount(drawn, minlength=200)[:, None].astype(float)
    resampled = Scorer(truth, LabelSets(probabilities, chosen), np.arange(200))(weights)
    expected = label_set_scores(truth[drawn], LabelSets(probabilities[drawn], chosen[drawn]))
    assert set(resampled) == set(expected) - {"ece"}
    for name, values in resampled.items():
        assert values[0] == pytest.approx(expected[name]), name


def test_sets_of_two_models_are_compared_row_by_row() -> None:
    random = np.random.default_rng(0)
    truth = random.random((400, 3)) < 0.3
    base, head = (LabelSets(random.random((400, 3)), truth ^ (random.random((400, 3)) < p)) for p in (0.2, 0.1))
    changes = paired_differences(truth, base, head, single_rows(np.zeros(400, dtype=int)), 200, 0)
    for name in ("accuracy", "f1", "f1_macro"):
        assert changes[name].low > 0, name
        assert changes[name].p_value < 0.05
    assert changes["accuracy"].head == (truth == head.chosen).all(axis=1).mean()


@pytest.mark.nightly
def test_a_review_of_two_models_of_sets(several: Clone, tmp_path: Path) -> None:
    clone = Clone(shutil.copytree(several.folder, tmp_path / "clone", symlinks=True))
    edit_params(clone.folder, **{"train.epochs": 1})
    clone.run("dvc", "repro", "evaluate")
    said = clone.run(sys.executable, "-m", "review", "--base", "HEAD", "--resamples", "500", status=1)
    assert "accuracy is worse" in said
    assert "f1 is worse" in said

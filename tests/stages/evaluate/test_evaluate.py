"""Scores, intervals, calibration, slices, behaviour and label errors are what the field means by them."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from safetensors.numpy import load_file
from scipy.special import expit, softmax
from scipy.stats import binomtest, bootstrap, norm, rankdata
from sklearn.metrics import average_precision_score, roc_auc_score
from tiny import Clone, edit_params, labelled_texts

from scoring.calibration import expected_calibration_error, fit_temperature, reliability_table
from scoring.intervals import intervals, resampled_scores, stratified_weights, weighted_auc, weighted_scores
from scoring.scores import classification_scores
from scoring.slices import holm, judge_slices
from stages.common.errors import UserError
from stages.evaluate.__main__ import main
from stages.evaluate.baseline import linear_baseline
from stages.evaluate.behaviour import failure_rates, read_suite, run_suite
from stages.evaluate.label_errors import label_errors
from stages.evaluate.plots import OTHERS, confusion_table, curve_tables
from stages.evaluate.slices import check_columns, slice_table

SEPARATION = 1.5  # of the two classes in `judged_rows`, in standard deviations


def judged_rows(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true classes, half and half, and the probabilities of a calibrated judge, (n, 2)."""
    truth = np.arange(rows) % 2
    evidence = random.normal(SEPARATION * (truth - 0.5))
    positive = expit(SEPARATION * evidence)
    return truth, np.stack([1 - positive, positive], axis=1)


def guesses(random: np.random.Generator, rows: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true classes and rounded, so often tied, probabilities that lean towards them, (n, classes)."""
    truth = random.integers(num_classes, size=rows)
    probabilities = softmax(random.normal(size=(rows, num_classes)).round(1) + np.eye(num_classes)[truth], axis=1)
    return truth, probabilities


def ends(scores: dict[str, np.ndarray], name: str) -> np.ndarray:
    found = intervals({name: scores[name]})
    return np.array([found[f"{name}_ci95_low"], found[f"{name}_ci95_high"]])


def test_intervals_cover_the_truth_at_their_nominal_rate() -> None:
    random, repeats = np.random.default_rng(0), 400
    accuracy, auc = norm.cdf(SEPARATION / 2), norm.cdf(SEPARATION / math.sqrt(2))
    sample = judged_rows(random, 1_000_000)
    true = {"accuracy": accuracy, "f1": accuracy, "roc_auc": auc}  # f1 too: the classes are alike
    true |= {name: weighted_scores(*sample, np.ones((1_000_000, 1)))[name][0] for name in ("log_loss", "brier", "mcc")}
    covered = dict.fromkeys(true, 0)
    for seed in range(repeats):
        truth, probabilities = judged_rows(random, 400)
        (scores,) = resampled_scores(truth, [probabilities], 400, seed)
        for name, value in true.items():
            low, high = ends(scores, name)
            covered[name] += low <= value <= high
    for name, count in covered.items():
        assert binomtest(count, repeats, 0.95).pvalue > 0.01, f"{name}: {count} of {repeats}"


def test_intervals_agree_with_scipy() -> None:
    truth, probabilities = judged_rows(np.random.default_rng(1), 500)
    (scores,) = resampled_scores(truth, [probabilities], 4000, 0)
    correct = probabilities.argmax(axis=1) == truth
    classes = [[values[truth == number] for number in (0, 1)] for values in (correct, probabilities[:, 1])]

    def accuracy(*samples: np.ndarray, axis: int) -> np.ndarray:
        return np.concatenate(samples, axis=axis).mean(axis=axis)

    def auc(negative: np.ndarray, positive: np.ndarray, axis: int) -> np.ndarray:
        n, m = negative.shape[axis], positive.shape[axis]
        ranks = rankdata(np.concatenate([negative, positive], axis=axis), axis=axis)
        return (ranks[..., n:].sum(axis=axis) - m * (m + 1) / 2) / (n * m)

    for name, samples, statistic in (("accuracy", classes[0], accuracy), ("roc_auc", classes[1], auc)):
        theirs = bootstrap(samples, statistic, n_resamples=4000, method="percentile", rng=2).confidence_interval
        np.testing.assert_allclose(ends(scores, name), theirs, atol=0.004)
        assert np.diff(theirs) > 0.02


@pytest.mark.parametrize("num_classes", [2, 3, 8])
def test_resampled_scores_are_those_of_the_repeated_rows(num_classes: int) -> None:
    random = np.random.default_rng(num_classes)
    truth, probabilities = guesses(random, 200, num_classes)
    weights = stratified_weights(truth, 5, random)
    np.testing.assert_array_equal(weights[truth == 1].sum(axis=0), (truth == 1).sum())
    resampled = weighted_scores(truth, probabilities, weights)
    for number, drawn in enumerate(weights.T.astype(int)):
        repeated = classification_scores(truth.repeat(drawn), probabilities.repeat(drawn, axis=0))
        del repeated["ece"]
        assert {name: values[number] for name, values in resampled.items()} == pytest.approx(repeated, abs=1e-9)


def test_the_weighted_area_is_that_of_scikit_learn_with_ties() -> None:
    random = np.random.default_rng(0)
    positive, score = random.random(300) < 0.3, random.integers(12, size=300) / 10
    weights = random.integers(5, size=(300, 6)).astype(float)
    expected = [roc_auc_score(positive, score, sample_weight=column) for column in weights.T]
    np.testing.assert_allclose(weighted_auc(positive, score, weights), expected)


def test_the_margin_of_two_judges_is_paired() -> None:
    random = np.random.default_rng(0)
    truth, first = judged_rows(random, 1000)
    second = np.where(random.random((1000, 1)) < 0.05, first[:, ::-1], first)  # differs in one row of twenty
    scores, others = resampled_scores(truth, [first, second], 1000, 0)
    (unpaired,) = resampled_scores(truth, [second], 1000, 1)
    widths = [np.diff(ends({"margin": scores["accuracy"] - item["accuracy"]}, "margin")) for item in (others, unpaired)]
    assert widths[0] < 0.6 * widths[1]


def test_scores_for_more_than_two_classes_have_all_averages() -> None:
    scores = classification_scores(*guesses(np.random.default_rng(0), 300, 6))
    averaged = {f"{name}_{kind}" for name in ("precision", "recall", "f1") for kind in ("micro", "weighted")}
    assert averaged | {"top_3_accuracy", "top_5_accuracy"} < set(scores)
    assert scores["accuracy"] == scores["f1_micro"] < scores["top_3_accuracy"] < scores["top_5_accuracy"] < 1


def test_what_is_undefined_is_left_out() -> None:
    truth, probabilities = np.ones(20, int), np.tile([0.3, 0.7], (20, 1))
    (resampled,) = resampled_scores(truth, [probabilities], 100, 0)
    scores = classification_scores(truth, probabilities) | intervals(resampled)
    assert "roc_auc" not in scores
    assert all(math.isfinite(value) for value in scores.values())
    roc, precision_recall = curve_tables(truth, probabilities, ["negative", "positive"])
    assert (list(roc), list(precision_recall), len(roc)) == (["fpr", "tpr"], ["recall", "precision"], 0)


def test_the_calibration_error_of_literal_probabilities() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    truth = np.array([0, 1, 1, 0])
    # in the bin of 0.9 half are right, in that of 0.7 all, and so in that of 1.0, which is the last
    assert expected_calibration_error(truth, probabilities) == pytest.approx((2 * 0.4 + 0.3 + 0) / 4)
    table = reliability_table(truth, probabilities)
    assert table["n"].tolist() == [1, 2, 1]
    assert table["accuracy"].tolist() == [1, 0.5, 1]
    np.testing.assert_allclose(table["confidence"], [0.7, 0.9, 1])


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found(planted: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3)) * 2
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from the softmax of the logits
    assert fit_temperature((planted * logits).astype(np.float32), truth) == pytest.approx(planted, rel=0.05)


def test_logits_that_are_always_right_do_not_become_certain() -> None:
    logits = np.array([[2.0, -2.0], [-1.0, 1.0]] * 20)
    confidence = softmax(logits / fit_temperature(logits, np.array([0, 1] * 20)), axis=1).max(axis=1).mean()
    assert 0.9 < confidence < 0.99


def test_a_bad_slice_is_flagged() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"label": ["a", "b", "b", "a", "b"] * 200, "source": ["web", "mail", "web", "phone"] * 250})
    rows["year"] = [str(year) for year in random.integers(1950, 2020, size=1000)]  # text, as from a CSV file
    rows.loc[::10, "year"] = ""
    correct = random.random(1000) < np.where(rows["source"] == "phone", 0.7, 0.9)
    num_tokens = random.integers(5, 300, size=1000)
    tokens = Dataset.from_dict({"num_tokens": num_tokens, "length": np.minimum(num_tokens, 256)})
    table = slice_table(rows, tokens, correct, ["source", "year"]).set_index("slice")
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


def test_chance_flags_a_slice_no_more_often_than_it_may() -> None:
    random, repeats, flagged = np.random.default_rng(0), 200, 0
    for _ in range(repeats):
        members = {str(number): random.random(400) < 0.2 for number in range(12)}
        flagged += int(judge_slices(members, random.random(400) < 0.8)["worse"].any())
    assert binomtest(flagged, repeats, 0.05, alternative="greater").pvalue > 0.01


def test_nothing_to_slice(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.DataFrame({"label": ["a", "b"] * 5, "source": "web"})
    tokens = Dataset.from_dict({"num_tokens": [7] * 10, "length": [7] * 10})
    table = slice_table(rows, tokens, np.arange(10) > 2, ["source"])
    assert len(table) == 0
    assert capsys.readouterr().err == "evaluate.slices: no part of source has 20 rows, and others beside it\n"


def test_holm_on_his_steps() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_a_column_that_is_not_there_is_named() -> None:
    rows = pd.DataFrame(columns=["text", "label", "origin", "source", "stars"])
    check_columns(["stars"], rows)
    with pytest.raises(UserError, match=r"evaluate\.slices: the data has no column 'star' .* are source, stars$"):
        check_columns(["source", "star"], rows)


SUITE = """
labels: [negative, positive]
tests:
  - {name: praise, kind: minimum_functionality, label: positive, cases: [good film, not bad]}
  - {name: names, kind: invariance, cases: [[Ann is good, Bob is good], [Ann is bad, Bob is good]]}
  - {name: better, kind: direction, label: positive, cases: [[bad, bad good], [good, good bad]]}
"""


def count_words(texts: list[str]) -> np.ndarray:
    """Return the probabilities that a model of two words gives."""
    positive = expit([2.0 * (text.count("good") - text.count("bad")) for text in texts])
    return np.stack([1 - positive, positive], axis=1)


def test_each_kind_of_behaviour_fails_as_it_should(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    results = run_suite(read_suite(tmp_path / "suite.yaml"), ["negative", "positive"], count_words)
    assert results["failed"].tolist() == [False, True, False, True, False, True]
    columns = ["expected", "text", "predicted", "changed_text", "changed_predicted"]
    assert results[columns].iloc[3].tolist() == [
        "negative",
        "Ann is bad",
        "negative",
        "Bob is good",
        "positive",
    ]
    rates = failure_rates(results)
    assert rates == {"cases": 6, "failure_rate": 0.5, "failure_rates": {"praise": 0.5, "names": 0.5, "better": 0.5}}


@pytest.mark.parametrize(
    ("found", "replacement", "message"),
    [
        ("[Ann is good, Bob is good]", "Ann is good", "test names: case 1: a valid list; however: 'Ann is good'"),
        ("[bad, bad good]", "[bad]", "test better: case 1: List should have at least 2 items"),
        ("kind: invariance", "kind: sameness", "test names: Input tag 'sameness' found using 'kind' does not match"),
        ("kind: invariance, ", "", "test names: Unable to extract tag using discriminator 'kind'"),
        ("label: positive, cases: [good", "cases: [good", "test praise: label: Field required"),
        ("label: positive, cases: [good", "label: fine, cases: [good", "test praise: label must be one of negative, "),
        ("name: names", "name: praise", "test praise: the name stands twice"),
        ("name: names", "name: Names!", "test Names!: name: String should match pattern"),
        ("tests:", "test:", "tests: Field required, and test: Extra inputs are not permitted; however: "),
        ("tests:", "tests", "is not valid YAML: "),
    ],
)
def test_a_mistake_in_the_suite_is_one_line(tmp_path: Path, found: str, replacement: str, message: str) -> None:
    assert SUITE.count(found) == 1
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE.replace(found, replacement))
    with pytest.raises(UserError) as error:
        read_suite(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


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


def prepared(num_rows: int, flipped: list[int]) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Return splits as prepare-data leaves them and their class numbers; some of the train labels are wrong."""
    splits, truth = {}, {}
    for seed, split in enumerate(("train", "validation", "test")):
        texts, numbers = zip(*labelled_texts(num_rows, seed), strict=True)
        truth[split] = np.array(numbers)
        if split == "train":
            truth[split][flipped] = 1 - truth[split][flipped]
        origin = [f"{split}.csv:{row}" for row in range(1, num_rows + 1)]
        label = np.array(["negative", "positive"])[truth[split]]
        splits[split] = pd.DataFrame({"text": texts, "label": label, "origin": origin})
    return splits, truth


def test_planted_label_errors_are_found() -> None:
    flipped = [3, 50, 77, 120, 181]
    splits, truth = prepared(200, flipped)
    probabilities, suspicions = linear_baseline(splits, truth, 2, 0)
    assert classification_scores(truth["test"], probabilities)["accuracy"] > 0.95
    found = label_errors(splits["train"], truth["train"], suspicions, ["negative", "positive"])
    assert set(found["origin"]) == {f"train.csv:{row + 1}" for row in flipped}
    assert (found["label"] != found["suggested"]).all()
    assert (found["score"] < 0.5).all()
    assert found["score"].is_monotonic_increasing
    clean, truth = prepared(200, [])
    _, suspicions = linear_baseline(clean, truth, 2, 0)
    assert len(label_errors(clean["train"], truth["train"], suspicions, ["negative", "positive"])) == 0


def test_the_baseline_copes_with_classes_that_are_rare_in_training() -> None:
    splits, truth = prepared(60, [])
    truth["train"][0] = 3  # one row of class 3, and none of class 2
    truth["test"][:2] = 2
    probabilities, suspicions = linear_baseline(splits, truth, 4, 0)
    for found in (probabilities, suspicions):
        assert found.shape == (60, 4)
        np.testing.assert_allclose(found.sum(axis=1), 1)
    assert math.isfinite(classification_scores(truth["test"], probabilities)["log_loss"])
    label_errors(splits["train"], truth["train"], suspicions, list("abcd"))


def test_the_stage_judges_slices_and_leaves_tables_and_never_fits_on_the_test_split(clone: Clone) -> None:
    folder = clone.folder
    before = json.loads(clone.read("metrics/evaluate.json"))
    test = pd.read_parquet(folder / "data/prepared/test.parquet")
    swapped = {"negative": "positive", "positive": "negative"}
    changed = test.assign(label=test["label"].map(swapped), shop=["web", "mail"] * (len(test) // 2))
    changed.to_parquet(folder / "data/prepared/test.parquet", index=False)
    edit_params(folder, **{"evaluate.slices": ["shop"]})
    clone.run("python", "-m", "stages.evaluate")
    scores = json.loads(clone.read("metrics/evaluate.json"))
    assert scores["accuracy"] == pytest.approx(1 - before["accuracy"], abs=2e-4)
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
    assert predictions["correct"].mean() == pytest.approx(scores["accuracy"], abs=1e-4)
    wrong = left["confident_mistakes.csv"]
    assert len(wrong) == (~predictions["correct"]).sum()
    assert wrong["confidence"].is_monotonic_decreasing
    errors = left["label_errors.csv"]
    assert errors.columns.tolist() == ["split", "origin", "label", "suggested", "score", "text"]
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


def test_the_page_of_plots_shows_every_table(reproduced: Clone, tmp_path: Path) -> None:
    reproduced.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    for title in ("Confusion", "Precision and recall", "ROC", "Accuracy on parts", "Is the model right as often"):
        assert f'"title": {{"text": "{title}' in page
    for line in ("reliability.csv::accuracy", "reliability.csv::perfectly_calibrated", "reliability_uncalibrated.csv"):
        assert line in page

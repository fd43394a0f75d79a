"""The scores of a labelled file are those of the pipeline's scoring."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from exported import LABELS, Runner, read_rows, stop_after_a_chunk, write_long
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_recall_fscore_support
from tiny import labelled_texts

from predict.classifier import Classifier
from predict.scores import as_label, score
from scoring.scores import classification_scores


def write_labelled(path: Path, exported: Path, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Write texts with labels that are mostly those the model gives; return true classes and probabilities."""
    texts = [text for text, _ in labelled_texts(count)]
    probabilities = Classifier(exported, "fp32", threads=1).probabilities(texts)
    random = np.random.default_rng(0)
    truth = np.where(random.random(count) < 0.7, probabilities.argmax(1), random.integers(3, size=count))
    lines = [f"{text},{LABELS[label]}\n" for text, label in zip(texts, truth, strict=True)]
    path.write_text("text,stars\n" + "".join(lines))
    return truth, probabilities


COMMAND = ("--label-column", "stars", "--precision", "fp32")


def test_scores_are_those_of_scoring(predict: Runner, exported: Path, tmp_path: Path) -> None:
    truth, probabilities = write_labelled(tmp_path / "in.csv", exported)
    output, _ = predict("--input", tmp_path / "in.csv", *COMMAND, "--json")
    scores = json.loads(output)
    expected = classification_scores(truth, probabilities.astype(float))
    assert scores["scored"] == 200
    for name in ("accuracy", "f1_macro"):
        assert scores[name] == pytest.approx(expected[name], abs=1e-9)
    each = precision_recall_fscore_support(truth, probabilities.argmax(1), labels=range(3), zero_division=0)
    for number, label in enumerate(LABELS):
        row = scores["labels"][label]
        assert (row["n"], row["f1"]) == (each[3][number], pytest.approx(each[2][number]))
        assert (row["precision"] or 0, row["recall"]) == (
            pytest.approx(each[0][number]),
            pytest.approx(each[1][number]),
        )


def test_a_label_without_rows_has_no_part_in_the_macro_score() -> None:
    scores = score(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]), LABELS)
    truth, chosen = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    assert scores["f1_macro"] == pytest.approx(classification_scores(truth, np.eye(3)[chosen])["f1_macro"])


def test_intervals_are_those_of_scipy_and_of_resampled_rows(exported: Path, tmp_path: Path) -> None:
    truth, probabilities = write_labelled(tmp_path / "in.csv", exported, 400)
    chosen = probabilities.argmax(1)
    confusion = np.zeros((3, 3), dtype=int)
    np.add.at(confusion, (truth, chosen), 1)
    scores = score(confusion, LABELS)
    wilson = binomtest(int((truth == chosen).sum()), 400).proportion_ci(method="wilson")
    assert (scores["accuracy_ci95_low"], scores["accuracy_ci95_high"]) == pytest.approx((wilson.low, wilson.high))
    random, resampled = np.random.default_rng(1), []
    places = [np.flatnonzero(truth == number) for number in range(3)]
    for _ in range(300):
        rows = np.concatenate([random.choice(each, len(each)) for each in places])
        resampled.append(f1_score(truth[rows], chosen[rows], labels=range(3), average="macro", zero_division=0))
    ends = np.quantile(resampled, [0.025, 0.975])
    assert (scores["f1_macro_ci95_low"], scores["f1_macro_ci95_high"]) == pytest.approx(ends, abs=0.015)


def test_what_a_person_reads(predict: Runner, tmp_path: Path) -> None:
    lines = ['{"text": "good", "stars": 3}', '{"text": "bad", "stars": 1.0}', '{"text": "bad", "stars": "great"}', "{"]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    output, _ = predict("--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.csv", *COMMAND)
    first, accuracy, f1, *table = output.splitlines()
    assert first == (
        "2 of 4 rows scored; 1 with an error; 1 with a label that the model doesn't have (in.jsonl:3: 'great')"
    )
    assert accuracy.startswith("accuracy  ")
    assert f1.startswith("macro F1  ")
    assert [line.split()[:2] for line in table[2:5]] == [["bad", "1"], ["fair", "0"], ["good", "1"]]
    assert table[6].split() == ["predicted"]
    assert len(read_rows(tmp_path / "out.csv")) == 4


def test_no_label_that_the_model_has(predict: Runner, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,stars\ngood,great\n")
    output, _ = predict("--input", tmp_path / "in.csv", *COMMAND)
    assert output.endswith("(in.csv:1: 'great'): the model's labels are bad, fair, good\n")


def test_a_run_that_was_stopped_scores_all_rows(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.jsonl", 1500), tmp_path / "out.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    source.write_text("".join(json.dumps({**row, "stars": LABELS[row["id"] % 3]}) + "\n" for row in rows))
    command = ("--input", source, "--output", output, *COMMAND, "--json")
    expected, _ = predict(*command)
    output.unlink()
    stop_after_a_chunk(predict.start(*command), output, signal.SIGKILL)
    again, errors = predict(*command)
    assert "going on after row" in errors
    assert json.loads(again) == json.loads(expected)
    assert json.loads(again)["rows"] == 1500


def test_labels_of_any_type() -> None:
    assert [as_label(value) for value in (1, 1.0, "1", True, "true", 1.5)] == ["1", "1", "1", "true", "true", "1.5"]


@pytest.mark.parametrize(("n", "hits"), [(1, 0), (1, 1), (10, 3), (1000, 999)])
def test_wilson(n: int, hits: int) -> None:
    scores = score(np.array([[hits, n - hits], [0, 0]]), ["a", "b"])
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    assert scores["accuracy_ci95_low"] == pytest.approx(interval.low, abs=1e-9)
    assert scores["accuracy_ci95_high"] == pytest.approx(interval.high, abs=1e-9)
    assert scores["labels"]["b"]["recall"] is None

"""Suspected label errors become corrections, which prepare-data applies."""

import csv
import json

import pandas as pd
from tiny import Clone, edit_params, labelled_texts


def test_flipped_labels_are_found_and_corrected(clone: Clone) -> None:
    """The classes have names that a spreadsheet would take for formulas."""
    rows = labelled_texts(280)
    flipped = {text for text, _ in rows[::35]}
    names = ["-bad", "+good"]
    with (clone.folder / "data/raw/tiny.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("text", "label"), *((text, names[label ^ (text in flipped)]) for text, label in rows)]
        )
    edit_params(clone.folder, **{"data.labels": None})
    true = {text: names[label] for text, label in rows}

    def wrong_labels() -> int:
        table = pd.read_parquet(clone.folder / "data/prepared/train.parquet")
        return int((table["label"] != table["text"].map(true)).sum())

    clone.run("dvc", "repro", "--no-run-cache", "evaluate")
    before = wrong_labels()
    said = clone.run("python", "-m", "start.correct", "--most-score", "0.3")
    with (clone.folder / "data/corrections.csv").open(newline="") as file:
        corrections = list(csv.DictReader(file))
    assert f"{len(corrections)} corrections added" in said
    clone.run("python", "-m", "stages.prepare_data")
    corrected = json.loads(clone.read("metrics/data.json"))["corrections"]
    assert corrected == {"labels": len(corrections), "not_found": 0}
    assert wrong_labels() < before
    assert "0 corrections added" in clone.run("python", "-m", "start.correct", "--most-score", "0.3")

"""Rows that lie on disk come back as they were, in any order, whatever the batches that they came in."""

import json
from pathlib import Path
from random import Random

import pandas as pd
import pytest
import rows_on_disk
from tiny import PARAMS

from stages.common.params import load_params
from stages.prepare_data import store, tables
from stages.prepare_data.labels import name_labels
from stages.prepare_data.write_tables import write_split


def test_rows_of_many_batches_are_written_in_the_order_of_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's own columns change their types on the way, or are missing for a while."""
    monkeypatch.setattr(tables, "BATCH_ROWS", 10)
    monkeypatch.setattr(store, "CHUNK_BYTES", 500)
    own = [
        {"number": n, "stars": [5, 4.5][n >= 50], "mixed": [n, f"no {n}", [n], n == 99][n // 25]}
        | ({"late": n} if n > 70 else {})
        for n in range(100)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}", "label": n % 2, **own[n]}) + "\n" for n in range(100)))
    params = load_params(PARAMS).data.model_copy(update={"filter": "number != 50", "labels": None})
    rows, kept = rows_on_disk.read({"": [path]}, params, tmp_path)
    name_labels(rows, params)
    order = Random(0).sample(range(99), 60)
    write_split(tmp_path / "a.parquet", rows.iloc[order], kept)
    written = pd.read_parquet(tmp_path / "a.parquet")
    numbers = [row + (row >= 50) for row in order]
    assert written["number"].tolist() == numbers
    assert written["text"].tolist() == [f"text {n}" for n in numbers]
    assert written["origin"].tolist() == [f"a.jsonl:{n + 1}" for n in numbers]
    assert written["label"].tolist() == [str(n % 2) for n in numbers]
    assert written["stars"].tolist() == [own[n]["stars"] for n in numbers]
    assert written["mixed"].tolist() == [str(own[n]["mixed"]) for n in numbers]
    assert written["late"].fillna(-1).tolist() == [own[n].get("late", -1) for n in numbers]
    assert "column mixed holds values of several types: they are kept as texts" in capsys.readouterr().err

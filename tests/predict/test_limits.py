"""Memory and machine limits."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import LABELS, Runner, peak_memory, read_rows, write_long

from predict.rows import TEXT_CHARACTERS


def test_memory_does_not_grow_with_the_rows(predict: Runner, tmp_path: Path) -> None:
    sizes = {4_000: 0.0, 24_000: 0.0}
    for rows in sizes:
        source = write_long(tmp_path / f"{rows}.csv", rows, filler=0)
        sizes[rows] = peak_memory(predict, "--input", source, "--output", tmp_path / "out.csv")
    assert sizes[24_000] < sizes[4_000] * 1.1


def write_big(path: Path, size: int) -> Path:
    """Write a row of so many bytes between two small ones."""
    big = "good film " * (size // 10)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": ["good", big, "bad"]}), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("good", big, "bad")))
    else:
        path.write_text("\n".join(["text", "good", big, "bad", ""][path.suffix == ".txt" :]))
    return path


NIGHTLY = [pytest.param(suffix, marks=pytest.mark.nightly) for suffix in (".txt", ".parquet")]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", *NIGHTLY])
def test_a_row_of_100_megabytes_is_a_row_with_an_error(predict: Runner, tmp_path: Path, suffix: str) -> None:
    source = write_big(tmp_path / f"in{suffix}", 100_000_000)
    gib = peak_memory(predict, "--input", source, "--output", tmp_path / "out.jsonl")
    assert gib < (1 if suffix == ".parquet" else 0.3), "a text of 20 MB took 1.57 GiB; of parquet, PyArrow takes most"
    rows = read_rows(tmp_path / "out.jsonl")
    reason = "text has 100,000,000 characters" if suffix == ".parquet" else "the line is "
    assert [reason in row["error"] for row in rows] == [False, True, False]
    assert [row["predicted_label"] in LABELS for row in rows] == [True, False, True]
    assert len(rows[1]["text"]) <= 1000, "its beginning, to know it by"


def test_a_text_has_a_limit(predict: Runner, tmp_path: Path) -> None:
    predict("--input", write_big(tmp_path / "in.csv", TEXT_CHARACTERS + 10), "--output", tmp_path / "out.csv")
    rows = read_rows(tmp_path / "out.csv")
    assert rows[1]["error"] == "text has 2,000,010 characters, and at most 2,000,000 are read"
    assert len(rows[1]["text"]) == TEXT_CHARACTERS + 10
    assert rows[0]["error"] == rows[2]["error"] == ""

"""Every format keeps the rows, one for one and in order."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import (
    LABELS,
    ROWS,
    Runner,
    read_rows,
    same,
    write_rows,
)

from predict.readers import open_sources, read_chunks
from predict.rows import Columns


@pytest.mark.parametrize(
    ("source", "target"),
    [
        *((suffix, suffix) for suffix in (".csv", ".tsv", ".jsonl", ".parquet")),
        *(
            (".csv", ".parquet"),
            (".jsonl", ".csv"),
            (".jsonl", ".parquet"),
            (".parquet", ".tsv"),
            (".parquet", ".jsonl"),
        ),
    ],
)
def test_every_format_keeps_the_rows(predict: Runner, tmp_path: Path, source: str, target: str) -> None:
    output = tmp_path / f"out{target}"
    _, errors = predict("--input", write_rows(tmp_path / f"in{source}"), "--output", output)
    rows = read_rows(output)
    assert list(rows[0]) == ["text", "id", "stars", "new", "predicted_label", "predicted_probability", "error"]
    for row, given in zip(rows, ROWS, strict=True):
        assert (row["text"] or None) == (given["text"] or None)
        assert all(same(row[name], given[name]) for name in ("id", "stars", "new"))
        if given["text"]:
            assert row["predicted_label"] in LABELS
            assert 1 / len(LABELS) <= float(row["predicted_probability"]) <= 1
            assert row["error"] == ""
        else:
            assert not row["predicted_label"]
            assert row["error"] in ("no text", "the text is empty")
    assert f"in{source}:3: the text is empty\n" in errors
    assert "5 rows, 2 with an error" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in{source}", f"out{target}"])


def test_parquet_keeps_its_types(predict: Runner, tmp_path: Path) -> None:
    columns = {
        "text": pa.array(["good", "bad"]).dictionary_encode(),
        "when": pa.array([1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        "price": pa.array(["1.10", None]).cast(pa.decimal128(9, 2)),
        "tags": pa.array([["a"], []], pa.list_(pa.string())),
        "raw": pa.array([b"\xff", b""]),
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    predict("--input", tmp_path / "in.parquet", "--output", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    for name in ("when", "price", "tags", "raw"):
        assert table[name].combine_chunks() == columns[name]
    assert table["text"].to_pylist() == ["good", "bad"]
    predict("--input", tmp_path / "in.parquet", "--output", tmp_path / "out.jsonl")
    row = read_rows(tmp_path / "out.jsonl")[1]
    assert row["when"] == "2023-11-14 22:13:20.123456789Z"
    assert row["tags"] == []


def test_a_carriage_return_in_a_text_does_not_end_its_row(predict: Runner, tmp_path: Path) -> None:
    write = "".join(json.dumps({"text": text}) + "\n" for text in ("good\rfilm", "bad"))
    (tmp_path / "in.jsonl").write_text(write)
    predict("--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.csv")
    assert b'"good\rfilm",' in (tmp_path / "out.csv").read_bytes()


def test_files_that_are_a_text_each(predict: Runner, tmp_path: Path) -> None:
    texts = {
        "bad/1_2.txt": b"awful",
        "bad/2": "boring\nfilm für".encode("cp1252"),
        "good/1_9.txt": b"good\nand great\n",
    }
    for name, text in texts.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(text)
    (tmp_path / "in/.hidden").write_text("good")
    output = tmp_path / "out.csv"
    command = ["--input", tmp_path / "in", "--input-format", "file", "--label-column", "label", "--output", output]
    scores, errors = predict(*command)
    rows = read_rows(output)
    assert [row["file"] for row in rows] == [str(tmp_path / "in" / name) for name in texts]
    assert [row["label"] for row in rows] == ["bad", "bad", "good"]
    assert rows[2]["text"] == "good\nand great\n"
    assert [row["error"] for row in rows] == ["", "not UTF-8", ""]
    assert "2 of 3 rows scored; 1 with an error" in scores
    assert "3 rows, 1 with an error" in errors
    _, errors = predict("--input", tmp_path / "none", "--input-format", "file", status=1)
    assert "there is no file" in errors


def test_many_files_are_predicted_at_once(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("good")
    sources = open_sources([str(tmp_path)], Columns(), "file")
    assert [len(rows) for rows in read_chunks(sources, skip=0)] == [20]
    assert [row.end for rows in read_chunks(sources, skip=0) for row in rows] == [4 * (n + 1) for n in range(20)]

"""Every line of a jsonl or txt file is a row, whatever it holds, and a value of any size and type is kept."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from exported import Runner, read_rows
from hypothesis import given
from hypothesis import strategies as st

from predict.columns import find_columns
from predict.line_files import read_jsonl, read_txt
from predict.rows import Columns, Source

SOURCE = Source(None, "jsonl", Columns())
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), VALUES, max_size=4)


@given(st.lists(OBJECTS, max_size=10))
def test_objects_are_read_as_they_were_written(objects: list[dict[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(each)}\n" for each in objects)
    rows = list(read_jsonl(SOURCE, io.BytesIO(lines.encode())))
    assert [row.fields for row in rows] == objects
    for row in rows:
        assert bool(row.error) == (not isinstance(row.fields.get("text"), str) or row.texts[0] != row.fields["text"])


@given(st.binary(max_size=80) | st.text('{}[]":,ax1 \n\r', max_size=80).map(str.encode))
def test_no_line_is_lost_whatever_the_file_holds(content: bytes) -> None:
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    assert len(list(read_txt(SOURCE, io.BytesIO(content)))) == len(lines)
    rows = list(read_jsonl(SOURCE, io.BytesIO(content)))
    begun = [line.removeprefix(b"\xef\xbb\xbf") if not number else line for number, line in enumerate(lines)]
    assert [row.place for row in rows] == [
        f"standard input:{number}" for number, line in enumerate(begun, start=1) if line.strip()
    ]
    assert all(row.error or row.texts == [row.fields["text"]] for row in rows)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
def test_any_mix_of_values_goes_into_one_column(tmp_path_factory: Any, pairs: list[tuple[Any, Any]]) -> None:
    from predict.parquet_writer import ParquetWriter

    path = tmp_path_factory.getbasetemp() / "mixed.jsonl"
    path.write_text("".join(json.dumps({"text": "a", "one": one, "two": two}) + "\n" for one, two in pairs))
    source = Source(path, "jsonl", Columns())
    writer = ParquetWriter(source.columns, find_columns([source]))
    with path.open("rb") as file:
        assert writer.encode(list(read_jsonl(source, file)))


@pytest.mark.parametrize("target", [".parquet", ".csv", ".jsonl"])
def test_mixed_types_and_huge_numbers_in_an_unused_column(predict: Runner, tmp_path: Path, target: str) -> None:
    values = [1, "one", None, 10**400, [1], {"a": 1}, 2.5, True]
    large = [2**53 + 1, 0.5, 1, 2, 3, 4, 5, 6]
    rows = [{"text": "good", "mixed": one, "large": two} for one, two in zip(values, large, strict=True)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    predict("--input", tmp_path / "in.jsonl", "--output", tmp_path / f"out{target}")
    output = read_rows(tmp_path / f"out{target}")
    kept = [row["mixed"] if target == ".jsonl" else row["mixed"] or None for row in output]
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    assert kept == (values if target == ".jsonl" else texts)
    assert [float(row["large"]) for row in output] == [float(value) for value in large]
    assert str(output[0]["large"]) == str(2**53 + 1)


def test_large_whole_numbers_stay_numbers(predict: Runner, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good", "id": 9007199254740993}\n{"text": "bad", "id": 1}\n')
    predict("--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [2**53 + 1, 1]

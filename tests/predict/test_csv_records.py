"""A broken csv record costs its own line and no other, whatever stands in the file."""

import csv
import io
import time
from pathlib import Path

import pytest
from exported import LABELS, Runner, read_rows
from hypothesis import given
from hypothesis import strategies as st

from predict.csv_records import RUN_LINES, Lines, Record, read_record
from predict.readers import read_rows as read_source
from predict.rows import Columns, Source

FIELDS = st.text(st.sampled_from('ab ,"\n\ré'), max_size=12)
TABLES = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(FIELDS, min_size=n, max_size=n), min_size=1, max_size=8))
WORDS = st.text(st.sampled_from('ab ,"'), max_size=8).map("x{}".format)  # no field begins with a delimiter


def write_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def read_all(text: str, num_fields: int) -> list[Record]:
    lines = Lines(io.BytesIO(text.encode()))
    return list(iter(lambda: read_record(lines, ",", num_fields), None))


@given(TABLES)
def test_what_a_library_writes_is_read_as_it_was(rows: list[list[str]]) -> None:
    records = read_all(write_csv(rows), len(rows[0]))
    assert [record.values for record in records] == rows
    assert not any(record.error for record in records)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=30), st.data())
def test_an_open_quote_costs_its_own_row(table: list[tuple[str, str, str]], data: st.DataObject) -> None:
    rows = [list(row) for row in table]
    broken = data.draw(st.integers(0, len(rows) - 1))
    rows[broken] = [field.replace('"', "").replace(",", "") for field in rows[broken]]
    lines = write_csv(rows).splitlines()
    where = data.draw(st.integers(0, 2))
    lines[broken] = ",".join('"' * (place == where) + field for place, field in enumerate(rows[broken]))
    records = read_all("\n".join(lines) + "\n", 3)
    assert len(records) == len(rows)
    for number, (record, row) in enumerate(zip(records, rows, strict=True)):
        assert (record.error != "") == (number == broken)
        assert number == broken or record.values == row


@given(st.text(st.sampled_from('a,"\n\r '), max_size=60), st.integers(1, 3))
def test_no_line_is_lost_whatever_the_file_holds(text: str, num_fields: int) -> None:
    lines = [line for record in read_all(text, num_fields) for line in record.lines]
    assert "".join(lines) == text
    assert lines == list(io.StringIO(text, newline=""))


@pytest.mark.parametrize("line", ['a","c', '1,"open', '1,"""x', '""",""', '"', '1,"a""'])
def test_no_file_takes_long(line: str) -> None:
    started = time.process_time()
    records = read_all(f"{line}\n" * 20_000, 2)
    assert sum(len(record.lines) for record in records) == 20_000
    assert time.process_time() - started < 5


def test_two_quotes_left_open_far_apart_lose_no_row() -> None:
    rows = [f"{number},a film" for number in range(100)]
    rows[11], rows[11 + RUN_LINES] = '11,"a film', f'{11 + RUN_LINES},film"'
    records = read_all("\n".join(rows), 2)
    assert len(records) == 100
    assert [number for number, record in enumerate(records) if record.error] == [11]
    assert records[11 + RUN_LINES].values[1] == 'film"'


def test_a_long_quoted_text_is_one_row_and_is_said(predict: Runner, tmp_path: Path) -> None:
    text = "a good film\n" * RUN_LINES
    (tmp_path / "in.csv").write_text(f'id,text\n1,good\n2,"{text}"\n')
    _, errors = predict("--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
    assert [row["text"] for row in read_rows(tmp_path / "out.csv")] == ["good", text]
    assert errors.splitlines()[-1] == "1 rows hold 10 lines or more, in.csv:2 11: look whether a quote is open there"


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_an_open_quote_in_a_thousand_rows(predict: Runner, tmp_path: Path, delimiter: str) -> None:
    lines = [f"{number}{delimiter}a good film" for number in range(1, 1001)]
    lines[10] = lines[10].replace("a good", '"a good')
    source = tmp_path / ("in.csv" if delimiter == "," else "in.tsv")
    source.write_text("\n".join([f"id{delimiter}text", *lines]) + "\n")
    _, errors = predict("--input", source, "--output", tmp_path / "out.csv")
    rows = read_rows(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == [str(number) for number in range(1, 1001)]
    assert [row["id"] for row in rows if row["error"]] == ["11"]
    assert rows[10]["text"] == '"a good film'
    assert all(row["predicted_label"] in LABELS for row in rows if not row["error"])
    assert errors.splitlines()[0] == f"{source.name}:11: not CSV: a quote is not closed (line 12)"


def test_old_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'\xef\xbb\xbftext\rone\r"two\rlines"\rthree')
    rows = list(read_source(Source(path, "csv", Columns())))
    assert [row.texts[0] for row in rows] == ["one", "two\rlines", "three"]

"""Read csv files so that a broken record costs its own line and no other.

A record ends where its line does, unless a quote is open there. It is whole when its quotes close, nothing but a
delimiter or the line's end follows a closing quote, and it has as many fields as the header. One that is not whole is
an error of its first line, and reading goes on with the line after that. So is one of RUN_LINES or more lines of which
each has as many delimiters as the header: two quotes were left open, and the lines between them are rows.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from predict.errors import PredictError
from predict.rows import NOT_UTF8, RECORD_SIZE, REPLACEMENT, SHOWN, SURROGATE, Row, Source

DELIMITERS = {"csv": ",", "tsv": "\t"}
RECORD_LINES = 10_000  # of a record, at most
RUN_LINES = 10
STAYS_OPEN = re.compile(r'[^"]*+(?:""[^"]*+)*+')  # a line within a quoted field that does not close in it
LINE_ENDS = ("\n", "\r")


@dataclass
class Record:
    """The fields of a record, or what is wrong with it."""

    values: list[str]
    error: str
    lines: list[str]


class Lines:
    """The lines of a file, each with its end, of which some can be given back. One that is too long is cut.

    Attributes:
        number: of the line taken last, from 1 on.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self.waiting: deque[str] = deque()
        self.number = 0

    def take(self) -> str:
        """Return the next line, or "" after the last."""
        line = rest = self.waiting.popleft() if self.waiting else self.file.readline(RECORD_SIZE)
        while len(rest) == RECORD_SIZE and not rest.endswith(LINE_ENDS):
            rest = self.file.readline(RECORD_SIZE)
        self.number += bool(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        self.waiting.extendleft(reversed(lines))
        self.number -= len(lines)


def read_record(lines: Lines, delimiter: str, num_fields: int | None) -> Record | None:
    """Return the next record, None after the last. Where it is not whole, only its first line is taken.

    Args:
        num_fields: of the header, None for the header itself. A record of more lines in which a quoted field closes
            has more fields, so that not many lines are read in vain.
    """
    taken: list[str] = []

    def supply() -> Iterator[str]:
        size = closing = 0
        while line := lines.take():
            closing += bool(taken) and not STAYS_OPEN.fullmatch(line)
            taken.append(line)
            size += len(line)
            if size >= RECORD_SIZE or len(taken) > RECORD_LINES or closing > (num_fields or RECORD_LINES):
                raise csv.Error("a quote is not closed" if len(taken) > 1 else "the line is too long")
            yield line

    csv.field_size_limit(RECORD_SIZE)
    try:
        values = next(csv.reader(supply(), delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        problem = "a quote is not closed" if len(taken) > 1 or "unexpected end" in str(error) else str(error)
        return refuse_record(lines, taken, f"not CSV: {problem}")
    if values is None:
        return None
    if values and num_fields not in (None, len(values)):
        many = f"{len(values)} fields, and the header has {num_fields}"
        return refuse_record(lines, taken, many if len(taken) == 1 else f"not CSV: a quote is not closed, or {many}")
    if num_fields and num_fields > 1 and len(taken) >= RUN_LINES and are_rows(taken, delimiter, num_fields):
        return refuse_record(lines, taken, "not CSV: a quote is not closed: the lines after it are rows")
    return Record(values, "", taken)


def refuse_record(lines: Lines, taken: list[str], error: str) -> Record:
    lines.give_back(taken[1:])
    return Record([], error, taken[:1])


def are_rows(taken: list[str], delimiter: str, num_fields: int) -> bool:
    return all(line.count(delimiter) == num_fields - 1 for line in taken)


def csv_header(source: Source, path: Path) -> list[str]:
    """Return the names of the columns.

    Raises:
        PredictError: when the file's first record doesn't name them.
    """
    with path.open("rb") as file:
        header = read_record(Lines(file), DELIMITERS[source.format], None)
    if header and header.error:
        raise PredictError(f"{path} has no header that can be read: {header.error}")
    if not header or not header.values:
        raise PredictError(f"{path} is empty: its first line must name the columns")
    if SURROGATE.search("".join(header.values)) or "\0" in "".join(header.values):
        raise PredictError(f"{path} is {NOT_UTF8}: save it as UTF-8")
    return header.values


def read_csv(source: Source, file: BinaryIO) -> Iterator[Row]:
    """Read a row from each record that is not blank. A line that can't be read is split at its delimiters, so that
    all of it is in the output."""
    lines, delimiter = Lines(file), DELIMITERS[source.format]
    header = read_record(lines, delimiter, None)
    assert header is not None, "csv_header has read it"
    number, names = 0, header.values
    while record := read_record(lines, delimiter, len(names)):
        if not record.values and not record.error:
            continue
        number += 1
        values, error = record.values, record.error
        if error:
            line = record.lines[0].rstrip("\r\n")
            values = line[: SHOWN if len(line) >= RECORD_SIZE else None].split(delimiter, len(names) - 1)
            error = f"{error} (line {lines.number})" if error.startswith("not CSV") else error
        if any(map(SURROGATE.search, values)):
            values = [SURROGATE.sub(REPLACEMENT, value) for value in values]
            error = error or NOT_UTF8
        fields = dict(zip(names, values, strict=False))
        row = source.row(number, fields, error, sum(map(len, record.lines)), file.tell())
        row.lines = len(record.lines)
        yield row

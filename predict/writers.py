"""Write rows with their predictions."""

import csv
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from predict.columns import text_of
from predict.rows import Columns, Row
from predict.spreadsheet import safe_cell

DECIMALS = 6  # of a probability


class Writer(ABC):
    """Turns rows into bytes that follow one another in a file.

    Attributes:
        head: what the file begins with.
    """

    head = b""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @abstractmethod
    def encode(self, rows: list[Row]) -> bytes:
        """Return what these rows add to the file."""

    def finish(self, partial: Path, output: Path) -> None:
        """Make the output of the file that holds the head and all rows."""
        partial.replace(output)


class JsonlWriter(Writer):
    """Writes each row as an object on a line."""

    def encode(self, rows: list[Row]) -> bytes:
        lines = [json.dumps(row.record(self.columns), ensure_ascii=False, default=str) for row in rows]
        text = "".join(f"{line}\n" for line in lines)
        return text.encode(errors="backslashreplace")  # JSON's own way to write halves of characters


class CsvWriter(Writer):
    """Writes columns that are known beforehand, values that are not strings as JSON."""

    def __init__(self, columns: Columns, names: list[str], delimiter: str, spreadsheet: bool) -> None:
        super().__init__(columns)
        self.names, self.delimiter, self.spreadsheet = [*names, *columns.added], delimiter, spreadsheet
        self.head = self.lines([self.names])

    def encode(self, rows: list[Row]) -> bytes:
        records = (row.record(self.columns) for row in rows)
        return self.lines([[self.cell(name, record.get(name)) for name in self.names] for record in records])

    def cell(self, name: str, value: Any) -> str | None:
        """Return a value as a string; labels with the separator that they had in the training data."""
        if isinstance(value, list) and name in self.columns.added and self.columns.separator:
            return self.columns.separator.join(map(str, value))
        return text_of(value)

    def lines(self, records: list[list[Any]]) -> bytes:
        if self.spreadsheet:
            records = [[safe_cell(value or "") for value in record] for record in records]
        lines = LineFeeds()
        csv.writer(lines, delimiter=self.delimiter, lineterminator="\r\n").writerows(records)
        return "".join(lines).encode()


class LineFeeds(list[str]):
    """Takes lines from a csv writer and ends them with a line feed. Told so itself, Python's up to 3.12 puts a carriage
    return in no quotes, and other programs take it for the end of a row."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")

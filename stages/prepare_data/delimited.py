"""Read csv, tsv and the like, with any delimiter, and fastText's lines."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural, shown
from stages.prepare_data.fasttext import is_fasttext, read_fasttext
from stages.prepare_data.files import DataFile, decoded, undecodable
from stages.prepare_data.notes import Notes

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
EXCEL_LINE = re.compile(r"sep=(.)\r?\n")  # before the header, for Excel alone
SAMPLE_RECORDS = 100  # by which the delimiter is told
BATCH_CHARACTERS = 8_000_000  # bounds memory
csv.field_size_limit(100_000_000)  # characters: beyond it a quote was not closed


def read_delimited(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Yield the rows in batches; every value is a text and stays as written ("NA" is a text).

    Raises:
        UserError: naming the lines that can't be decoded, the rows with more or fewer fields than the header, and a
            quote that is not closed.
    """
    lines, sample = decoded(file, params.encoding)
    try:
        if is_fasttext(sample):
            note(f"{file.path.name}: read as fastText's lines, with the columns text and label")
            yield from read_fasttext(lines, params.multi_label)
        else:
            yield from read_csv(file, lines, sample, params, note)
    except UnicodeDecodeError as error:
        raise undecodable(
            file.path, lines.encoding, error.object[max(0, error.start - 500) : error.start + 500]
        ) from None


def read_csv(
    file: DataFile, lines: io.TextIOWrapper, sample: str, params: DataParams, note: Notes
) -> Iterator[pd.DataFrame]:
    if told := EXCEL_LINE.match(sample):
        next(lines)
    delimiter = params.delimiter or (told[1] if told else told_delimiter(file, sample, params, note))
    records = csv.reader(lines, delimiter=delimiter, quoting=quoting(params), strict=True)
    try:
        header = params.column_names or named(next(records))
        yield from batches(file, header, records, "data.column_names" if params.column_names else "the header")
    except csv.Error as error:
        raise UserError(
            f"{file.path} can't be read as {file.suffix[1:]}: near line {records.line_num}: {error}. A quote inside a "
            f'quoted field is written twice (""), and one that begins a field must be closed; where quotes are letters '
            "like others, set data.quoting to false."
        ) from error


def quoting(params: DataParams) -> Literal[0, 3]:
    return csv.QUOTE_MINIMAL if params.quoting else csv.QUOTE_NONE


def named(header: list[str]) -> list[str]:
    """Return the names of the columns, without the spaces around them; one without a name is `unnamed_1` and so on."""
    return [name.strip() or f"unnamed_{number}" for number, name in enumerate(header, start=1)]


def batches(file: DataFile, header: list[str], records: Iterator[list[str]], of: str) -> Iterator[pd.DataFrame]:
    """Yield records as rows; `of` says where the header is from."""
    rows: list[list[str]] = []
    size = number = 0
    uneven: list[str] = []
    for record in records:
        if not record:
            continue  # a blank line
        number += 1
        if len(record) != len(header):
            uneven.append(f"{file.path.name}:{number} has {len(record)}")
            continue
        rows.append(record)
        size += sum(map(len, record))
        if size > BATCH_CHARACTERS:
            yield pd.DataFrame(dict(zip(range(len(header)), zip(*rows, strict=True), strict=True))).set_axis(
                header, axis=1
            )
            rows, size = [], 0
    if uneven:
        raise UserError(
            f"{plural(len(uneven), 'row')} with another number of fields than the {len(header)} of {of}: "
            f"{shown(uneven)}; put fields that hold the delimiter in quotes, or set data.delimiter"
        )
    columns = zip(*rows, strict=True) if rows else [[] for _ in header]
    yield pd.DataFrame(dict(zip(range(len(header)), columns, strict=True)), dtype="str").set_axis(header, axis=1)


def told_delimiter(file: DataFile, sample: str, params: DataParams, note: Callable[[str], object]) -> str:
    """Return the delimiter of a file: that of its suffix, unless another one fits the first records better.

    The header, or `data.column_names`, must have the columns that the params name, or else two columns at least; the
    more of the records have as many fields as it, the better.
    """
    usual = "\t" if file.suffix == ".tsv" else ","
    best = max([usual, *DELIMITERS], key=lambda delimiter: fit(sample, delimiter, params))
    if best != usual:
        note(f"{file.path.name}: its columns are separated by {DELIMITERS[best]}")
    return best


def fit(sample: str, delimiter: str, params: DataParams) -> tuple[int, bool, float]:
    try:
        records = [
            record
            for record in islice(
                csv.reader(io.StringIO(sample), delimiter=delimiter, quoting=quoting(params)), SAMPLE_RECORDS
            )
            if record
        ]
    except csv.Error:
        return (0, False, 0.0)
    if not records:
        return (0, False, 0.0)
    header = params.column_names or named(records[0])
    meant = len({params.text_column, params.label_column} & set(header))
    even = sum(len(record) == len(header) for record in records) / len(records)
    return (meant, len(header) > 1, even)

"""Tell what a csv file doesn't say of itself: whether quotes are letters in it, and whether it has a header."""

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.params import DataParams
from stages.prepare_data.delimited import read_delimited, told_delimiter
from stages.prepare_data.files import decoded, open_data
from stages.prepare_data.notes import Notes
from stages.prepare_data.readers import READERS, read_source
from stages.prepare_data.tables import read_workbook
from start.columns import LABEL_NAMES, MOST_CLASSES, TEXT_NAMES, name_fits


def csv_form(path: Path, params: DataParams) -> dict[str, Any]:
    """Return the keys of `data` that reading a file takes beyond the usual, and say why."""
    if path.is_dir():
        return {}
    form: dict[str, Any] = {}
    with open_data(path) as file:
        reader = READERS[file.suffix]
        if reader is read_delimited:
            _, sample = decoded(file, params.encoding)
            plain = params.model_copy(update={"quoting": False})
            delimiter = params.delimiter or told_delimiter(file, sample, plain, lambda _: None)
            if quotes_are_letters(sample, delimiter):
                print(f"{path}: quotes are letters like others in it, since some are never closed (data.quoting)")
                form["quoting"] = False
    if reader in (read_delimited, read_workbook):
        rows = first_rows(path, params.model_copy(update=form))
        if first_line_is_row(rows):
            form["column_names"] = [f"column_{number}" for number in range(1, rows.shape[1] + 1)]
            print(f"{path}: its first line is a row, since it has a label that others have, too (data.column_names)")
    return form


def first_rows(path: Path, params: DataParams) -> pd.DataFrame:
    """Return the first batch of a file or folder that has rows, or one without any."""
    read = read_source(path, params, Notes())
    first = next(read)
    return first if len(first) else next((rows for rows in read if len(rows)), first)


def quotes_are_letters(sample: str, delimiter: str) -> bool:
    """Say whether all lines of a sample have as many fields as the first when quotes are letters, and some field begins
    with a quote that isn't closed in it."""
    found = list(csv.reader(io.StringIO(sample), delimiter=delimiter, quoting=csv.QUOTE_NONE))
    fields = [record for record in found[:-1] if record]  # the last may be cut
    if not fields or len(fields[0]) == 1 or any(len(record) != len(fields[0]) for record in fields):
        return False
    return any(field.startswith('"') and not is_closed(field) for record in fields for field in record)


def is_closed(field: str) -> bool:
    return len(field) > 1 and field.endswith('"') and '"' not in field[1:-1].replace('""', "")


def first_line_is_row(rows: pd.DataFrame) -> bool:
    """Say whether the names of the columns are a row: none is an ordinary name, and one is a label of other rows."""
    names = list(rows.columns)
    counted = names == [str(number) for number in range(len(names))]  # as pandas names them
    if counted or any(name_fits(name, TEXT_NAMES | LABEL_NAMES) for name in names):
        return False
    return any(
        name in (values := set(rows[name])) and len(values) <= min(MOST_CLASSES, len(rows) / 2) for name in names
    )

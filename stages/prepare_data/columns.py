"""Find the columns that the params name, and keep the user's own apart from those that the pipeline adds."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa

from stages.common.errors import UserError, did_you_mean
from stages.common.params import DataParams
from stages.common.text_columns import TEXT_COLUMNS
from stages.prepare_data.bad_rows import shown
from stages.prepare_data.notes import Notes

ADDED = (*TEXT_COLUMNS, "label", "origin", "row_id", "group", "predicted", "correct")  # by this stage, or by evaluate
GIVEN, TIME = "given:split", "given:time"  # this stage's own: they are not written
MOST_SHOWN = 60  # characters of a column's name: a text may stand there, where a file has no header
NAMED = (  # params that name a column
    "text_column",
    "text_pair_column",
    "label_column",
    "group_column",
    "split_column",
    "time_column",
)


def check_unique(path: Path, columns: list[str]) -> None:
    """Raise a UserError for a column that a file has twice."""
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise UserError(f"{path} has two columns called {', '.join(twice)}: rename one")


def check_columns(path: Path, columns: list[str], params: DataParams) -> None:
    """Raise a UserError for a column that the params name and the file lacks."""
    for key, other in (("label", "text"), ("text_pair", "text"), ("text_pair", "label")):
        if (name := getattr(params, f"{key}_column")) == getattr(params, f"{other}_column"):
            raise UserError(f"data.{key}_column: must not be the {other}'s column; however: {name!r} is both")
    for key in NAMED:
        name = getattr(params, key)
        if name is None or name in columns:
            continue
        hint = did_you_mean(name, columns)
        if not hint:  # a match but for capitals and spaces is no close match for short names
            alike = [column for column in columns if column.strip().casefold() == name.strip().casefold()]
            hint = f" (did you mean {alike[0]}?)" if alike else ""
        if len(columns) == 1:
            hint = ". It has one column: is data.delimiter another?"
        elif not hint:
            hint = ". If its first line is a row, name the columns in data.column_names"
        if path.suffix == ".txt":
            hint += f"{'' if hint.endswith('?') else '.'} Is each file a text? For these there is data.class_folders"
        there = [column if len(column) <= MOST_SHOWN else f"{column[:MOST_SHOWN]}…" for column in columns]
        raise UserError(f"data.{key}: there is no column {name!r} in {path}; the columns are {shown(there, 20)}{hint}")


def own_names(columns: Collection[str], meant: Collection[str]) -> dict[str, str]:
    """Return a new name for each of the user's columns that has the name of one that the pipeline adds.

    An underscore is added until no column has that name. `meant` are the columns that the params name as texts and
    label: these become `text`, `text_pair` and `label`.
    """
    taken = {*columns, *ADDED}
    renamed = {}
    for column in columns:
        if column in ADDED and column not in meant:
            name = f"{column}_"
            while name in taken:
                name += "_"
            taken.add(name)
            renamed[column] = name
    return renamed


def note_missing(columns: dict[str, set[str]], note: Notes) -> None:
    """Say which of the user's columns some files lack; `columns` are those of each file."""
    for column in dict.fromkeys(column for found in columns.values() for column in found):
        lacking = [file for file, found in columns.items() if column not in found]
        if lacking:
            note(f"{shown(lacking)} has no column {column}: its rows have none there")


def storable(rows: pd.DataFrame, note: Notes) -> pd.DataFrame:
    """Return the rows; a column with values of several types, as parquet can't store, becomes texts."""
    rows = rows.copy(deep=False)
    for column in rows.columns:
        if rows[column].dtype == object:
            try:
                pa.array(rows[column], from_pandas=True)
            except (pa.ArrowException, OverflowError, TypeError, ValueError):
                rows[column] = [None if value is None or value != value else str(value) for value in rows[column]]
                note(f"column {column} holds values of several types: they are kept as texts")
    return rows

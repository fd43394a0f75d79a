"""Choose the rows and columns that the params name."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import GIVEN, TIME, own_names
from stages.prepare_data.filter import RowFilter
from stages.prepare_data.filter_values import FilterError
from stages.prepare_data.label_text import label_text
from stages.prepare_data.notes import Notes

MAX_SHOWN = 80  # characters of a filter in a message


def select_rows(rows: pd.DataFrame, params: DataParams, keep: RowFilter | None, note: Notes) -> pd.DataFrame:
    """Apply the filter and leave the columns text (of pairs, text_pair too), label, origin and group first, the user's
    other columns after.

    Args:
        rows: the user's columns; the index says where each row comes from.
    """
    if keep is not None:
        with explained(params.filter, list(rows.columns)):
            rows = rows[keep.matches(rows)]
    groups = "" if params.group_column is None else rows[params.group_column].map(label_text)
    meant = {"text": params.text_column, "text_pair": params.text_pair_column, "label": params.label_column}
    named = pd.DataFrame({name: rows[column] for name, column in meant.items() if column is not None})
    named = named.assign(origin=rows.index, group=groups)
    named[GIVEN] = (
        rows.attrs.get("split", "") if params.split_column is None else rows[params.split_column].map(label_text)
    )
    if params.time_column is not None:
        named[TIME] = rows[params.time_column]
    taken = [column for column in meant.values() if column is not None]
    renamed = own_names(rows.columns, taken)
    for old, new in renamed.items():
        note(f"column {old} of the data is called {new} from here on: the pipeline has its own column {old}")
    others = rows.drop(columns=taken).rename(columns=renamed)
    return pd.concat([named, others], axis=1).reset_index(drop=True)


def row_filter(params: DataParams) -> RowFilter | None:
    """Return `data.filter`, read."""
    if params.filter is None:
        return None
    with explained(params.filter):
        return RowFilter(params.filter)


def note_uncompared(keep: RowFilter | None, params: DataParams, columns: list[str], note: Notes) -> None:
    """Say, after all rows, which values the filter could not compare; refuse it when there was no other."""
    if keep is not None:
        with explained(params.filter, columns):
            for found in keep.notes():
                note(f"data.filter: {found}")


@contextmanager
def explained(expression: str | None, columns: list[str] | None = None) -> Iterator[None]:
    """Make of what is wrong with a filter a line that names the param."""
    try:
        yield
    except FilterError as error:
        shown = str(expression)[:MAX_SHOWN] + "…" * (len(str(expression)) > MAX_SHOWN)
        there = f"; the columns are {', '.join(map(str, columns))}" if columns else ""
        raise UserError(
            f"data.filter: {shown!r} can't be applied: {error}{there}. Correct it, or set it to null to keep all rows."
        ) from error

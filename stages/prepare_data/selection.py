"""Choose the rows and columns that the params name."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import GIVEN, TIME, own_names
from stages.prepare_data.filter import matching_rows
from stages.prepare_data.filter_values import FilterError
from stages.prepare_data.labels import label_text
from stages.prepare_data.notes import Notes

MAX_SHOWN = 80  # characters of a filter in a message


def select_rows(rows: pd.DataFrame, params: DataParams, note: Notes) -> pd.DataFrame:
    """Apply `data.filter` and leave the columns text, label, origin and group first, the user's other columns after.

    Args:
        rows: the user's columns; the index says where each row comes from.
    """
    if params.filter is not None:
        rows = filter_rows(rows, params.filter, note)
    groups = "" if params.group_column is None else rows[params.group_column].map(label_text)
    named = pd.DataFrame({"text": rows[params.text_column], "label": rows[params.label_column]})
    named = named.assign(origin=rows.index, group=groups)
    named[GIVEN] = (
        rows.attrs.get("split", "") if params.split_column is None else rows[params.split_column].map(label_text)
    )
    named[TIME] = None if params.time_column is None else rows[params.time_column]
    meant = [params.text_column, params.label_column]
    renamed = own_names(rows.columns, meant)
    for old, new in renamed.items():
        note(f"column {old} of the data is called {new} from here on: the pipeline has its own column {old}")
    others = rows.drop(columns=meant).rename(columns=renamed)
    return pd.concat([named, others], axis=1).reset_index(drop=True)


def filter_rows(rows: pd.DataFrame, expression: str, note: Notes) -> pd.DataFrame:
    """Return the rows that a filter keeps, and say which values it could not compare."""
    shown = expression if len(expression) <= MAX_SHOWN else f"{expression[:MAX_SHOWN]}…"
    try:
        kept, notes = matching_rows(rows, expression)
    except FilterError as error:
        raise UserError(
            f"data.filter: {shown!r} can't be applied: {error}; the columns are {', '.join(map(str, rows.columns))}. "
            "Correct it, or set it to null to keep all rows."
        ) from error
    for found in notes:
        note(f"data.filter: {found}")
    return rows[kept]

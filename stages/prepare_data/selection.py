"""Choose the rows and columns that the params name."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import own_names
from stages.prepare_data.labels import label_text


def select_rows(rows: pd.DataFrame, params: DataParams) -> pd.DataFrame:
    """Apply `data.filter` and leave the columns text, label, origin and group first, the user's other columns after.

    Args:
        rows: the user's columns; the index says where each row comes from.
    """
    columns = ", ".join(rows.columns)
    if params.filter is not None:
        try:
            rows = rows.query(params.filter)
        except Exception as error:  # `query` raises whatever the expression raises
            reason = " ".join(str(error).split())
            raise UserError(
                f"data.filter: {params.filter!r} can't be applied: {reason}; the columns are {columns}. "
                "Correct it, or set it to null to keep all rows."
            ) from error
    for key in ("text_column", "label_column", "group_column"):
        if (name := getattr(params, key)) is not None and name not in rows.columns:
            raise UserError(f"data.{key}: there is no column {name!r}; the columns are {columns}")
    if rows.empty:
        raise UserError(f"data.filter: {params.filter!r} keeps no row" if params.filter else "data.source has no rows")
    groups = "" if params.group_column is None else rows[params.group_column].map(label_text)
    named = pd.DataFrame({"text": rows[params.text_column], "label": rows[params.label_column]})
    named = named.assign(origin=rows.index, group=groups)
    meant = [params.text_column, params.label_column]
    renamed = own_names(rows.columns, meant)
    for old, new in renamed.items():
        print(f"column {old} of the data is called {new} from here on: the pipeline has its own column {old}")
    others = rows.drop(columns=meant).rename(columns=renamed)
    return pd.concat([named, others], axis=1).reset_index(drop=True)

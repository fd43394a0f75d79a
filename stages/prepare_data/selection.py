"""Choose the rows and columns that the params name."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams


def select_rows(rows: pd.DataFrame, params: DataParams) -> pd.DataFrame:
    """Apply `data.filter` and leave the columns text and label first, origin and the user's other columns after."""
    columns = ", ".join(column for column in rows.columns if column != "origin")
    if params.filter is not None:
        try:
            rows = rows.query(params.filter)
        except Exception as error:  # `query` raises whatever the expression raises
            reason = " ".join(str(error).split())
            raise UserError(
                f"data.filter: {params.filter!r} can't be applied: {reason}; the columns are {columns}. "
                "Correct it, or set it to null to keep all rows."
            ) from error
    for key in ("text_column", "label_column"):
        if getattr(params, key) not in rows.columns:
            raise UserError(f"data.{key}: there is no column {getattr(params, key)!r}; the columns are {columns}")
    if rows.empty:
        raise UserError(f"data.filter: {params.filter!r} keeps no row" if params.filter else "data.source has no rows")
    named = {"text": rows[params.text_column], "label": rows[params.label_column], "origin": rows["origin"]}
    others = rows.drop(columns=[params.text_column, params.label_column, *named], errors="ignore")
    return pd.concat([pd.DataFrame(named), others], axis=1).reset_index(drop=True)

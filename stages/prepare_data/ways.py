"""Choose the way in which rows are split."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.given import split_given
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import absent_labels
from stages.prepare_data.split import split_rows
from stages.prepare_data.times import split_by_time


def make_splits(rows: pd.DataFrame, params: DataParams, note: Notes) -> dict[str, pd.DataFrame]:
    """Return the splits test, validation and train: as given, by time, or at random.

    Raises:
        UserError: when the rows don't suffice, or a split that must be cut has no size.
    """
    given = set(rows[GIVEN])
    for name in ("validation", "test"):
        if name not in given and getattr(params, f"{name}_rows") is None:
            raise UserError(f"data.{name}_rows: null takes all of a given split, but none is given: say how many rows")
    if given != {""}:
        return split_given(rows, params, note)
    if params.time_column is not None:
        return split_by_time(rows, params, note)
    splits = split_rows(rows, params)
    for name, part in splits.items():
        if absent := absent_labels(rows, part, params):  # of several labels a row, only the rarest decides
            note(f"the {name} split has no row labelled {', '.join(absent)}")
    return splits

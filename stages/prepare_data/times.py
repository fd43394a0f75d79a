"""Split by time: the model is judged on the latest rows, as it will be used on later ones."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import refuse
from stages.prepare_data.columns import TIME
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import absent_labels


def read_times(rows: pd.DataFrame) -> pd.Series:
    """Return each row's time as a number: of a number itself, of a date or a time the nanoseconds since 1970.

    Raises:
        UserError: naming the rows whose time is neither; a date must be written year first, or it could be two days.
    """
    values = rows[TIME]
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        return numbers.astype(float)
    times = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    found = ", ".join(map(repr, values[times.isna()].unique()[:3]))
    remedy = "write times as 2024-12-31 or 2024-12-31T23:59:59, or leave these rows out with data.filter"
    refuse(rows, times.isna(), f"without a time that can be read in data.time_column ({found})", remedy)
    return times.dt.as_unit("ns").astype("int64").astype(float)


def split_by_time(rows: pd.DataFrame, params: DataParams, note: Notes) -> dict[str, pd.DataFrame]:
    """Return the latest rows as test, those before as validation, and the latest of the rest as train, shuffled.

    Raises:
        UserError: when there are fewer rows than asked for, or train lacks a label.
    """
    ordered = rows.iloc[read_times(rows).argsort(kind="stable")]
    splits = {}
    for name in ("test", "validation", "train"):
        asked = getattr(params, f"{name}_rows")
        if len(ordered) < (asked or 1):
            raise UserError(
                f"data.{name}_rows: asks for {asked or 1:,}, and {len(ordered):,} are left before the others"
            )
        split = ordered if asked is None else ordered.iloc[-asked:]
        ordered = ordered.iloc[: len(ordered) - len(split)]
        splits[name] = split.sample(frac=1, random_state=params.seed)
    for name, split in splits.items():
        absent = ", ".join(absent_labels(rows, split, params))
        if absent and name == "train":
            raise UserError(f"data.time_column: no row labelled {absent} is early enough to be in the train split")
        if absent:
            note(f"the {name} split has no row labelled {absent}")
    return splits

"""Splits that the data comes with: a file for each, or a column that names them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural, refuse
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import absent_labels
from stages.prepare_data.split import split_rows

ORDER = ("test", "validation", "train")  # of two splits with the same text, the first keeps it
OTHER_NAMES = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation", "testing": "test"}


def given_splits(rows: pd.DataFrame) -> pd.Series:
    """Return the split of each row, by the value of `data.split_column` or the file.

    Raises:
        UserError: naming the rows with another value.
    """
    values = rows[GIVEN].str.strip().str.lower().replace(OTHER_NAMES)
    unknown = ~values.isin(ORDER)
    found = ", ".join(map(repr, rows[GIVEN][unknown].unique()[:5]))
    remedy = "it must be train, validation (valid, val, dev) or test: leave others out with data.filter"
    refuse(rows, unknown, f"with another split in data.split_column ({found})", remedy)
    return values


def drop_across(rows: pd.DataFrame, groups: Sequence[np.ndarray], params: DataParams, note: Notes) -> np.ndarray:
    """Return which rows to drop because their copy, or a row of their group, is in a split that comes before in ORDER.

    Args:
        groups: of each way to belong together, a number for each row, int (n,); -1 for a row that is alone.
    """
    rank = rows[GIVEN].map(ORDER.index).to_numpy()
    across = np.zeros(len(rows), dtype=bool)
    for numbers in groups:
        first = pd.Series(rank).groupby(numbers).transform("min").to_numpy()
        across |= (rank > first) & (numbers >= 0)
    for split in ORDER[1:]:
        count = int((across & (rank == ORDER.index(split))).sum())
        done = "dropped from it" if params.copies_across_splits == "drop" else "kept, as data.copies_across_splits says"
        if count:
            note(f"{plural(count, 'row')} of the {split} split are in another one too, alike or of one group: {done}")
    return across if params.copies_across_splits == "drop" else np.zeros(len(rows), dtype=bool)


def split_given(rows: pd.DataFrame, params: DataParams, note: Notes) -> dict[str, pd.DataFrame]:
    """Return the given splits, shuffled; test or validation is cut from train where it isn't given.

    `data.*_rows` takes so many of a given split, with its proportions of labels; null, or more than it has, takes all.
    """
    parts = {name: rows[rows[GIVEN] == name] for name in ORDER if name in set(rows[GIVEN])}
    missing = [name for name in ORDER if name not in parts and name != "train"]
    cut = split_rows(parts["train"], params.model_copy(update={"train_rows": None}), [*missing, "train"])
    splits = {}
    for name in ORDER:
        part = cut[name] if name in cut else parts[name]
        asked = getattr(params, f"{name}_rows")
        if name not in missing and asked is not None and asked < len(part):
            whole = len(part)
            part = split_rows(part, params.model_copy(update={"train_rows": asked}), ["train"])["train"]
            note(f"data.{name}_rows: {asked:,} of the {whole:,} rows of the given {name} split are used")
        elif name not in cut:
            part = part.sample(frac=1, random_state=params.seed)
        splits[name] = part
    for name, part in splits.items():
        if absent := absent_labels(rows, part, params):
            note(f"the {name} split has no row labelled {', '.join(absent)}")
    return splits


def check_given(rows: pd.DataFrame) -> None:
    if "train" not in set(rows[GIVEN]):
        raise UserError("data.split_column: no row is in the train split; it must have some")

"""Drop texts that are empty, copies or near copies."""

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.copy_key import copy_key
from stages.prepare_data.given import check_given, drop_across, given_splits
from stages.prepare_data.near_copies import near_duplicate_groups
from stages.prepare_data.notes import Notes


def drop_unusable(rows: pd.DataFrame, params: DataParams, note: Notes) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows that are left of rows with clean texts, and how many were dropped for each reason.

    Of texts that are alike, the first is kept, unless they are labelled differently: then none of them is.

    Raises:
        UserError: when no row is left.
    """
    keys = rows["text"].map(copy_key)
    dropped = {"empty": note.drop(rows[keys == ""], "empty")}
    rows, keys = rows[keys != ""], keys[keys != ""]
    dropped["across_splits"] = 0
    if (rows[GIVEN] != "").any():
        rows, dropped["across_splits"] = separate(rows, keys, params, note)
        keys = keys[rows.index]
    rows = keep_first(rows, keys.to_numpy(), "exact_duplicate", dropped, note)
    if rows.empty:
        raise UserError(f"no row is left: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}")
    groups = near_duplicate_groups(rows["text"], params.near_duplicate_similarity)
    rows = keep_first(rows, groups, "near_duplicate", dropped, note)
    return rows.reset_index(drop=True), dropped


def separate(rows: pd.DataFrame, keys: pd.Series, params: DataParams, note: Notes) -> tuple[pd.DataFrame, int]:
    """Return the rows of given splits without those that are in another one too, and how many those were."""
    rows = rows.assign(**{GIVEN: given_splits(rows)})
    check_given(rows)
    exact = pd.factorize(keys)[0]
    first = np.unique(exact, return_index=True)[1]
    near = near_duplicate_groups(rows["text"].iloc[first], params.near_duplicate_similarity)[exact]
    together = pd.factorize(rows["group"].where(rows["group"] != ""))[0]  # -1 without a group
    across = drop_across(rows, [near, together], params, note)
    return rows[~across], note.drop(rows[across], "across_splits")


def keep_first(
    rows: pd.DataFrame, groups: np.ndarray, reason: str, dropped: dict[str, int], note: Notes
) -> pd.DataFrame:
    """Return the first row of each group of one label; count in `dropped` the copies and the conflicting rows."""
    own = rows[GIVEN].isin(["train", ""]).to_numpy()  # a given test or validation split stays as it is
    groups = np.where(own, pd.factorize(groups)[0], -1 - np.arange(len(rows)))
    grouped = rows.groupby(groups, sort=False)["label"]
    conflict = (grouped.transform("nunique") > 1).to_numpy()
    copy = (grouped.cumcount() > 0).to_numpy() & ~conflict
    dropped[reason] = note.drop(rows[copy], reason)
    dropped[f"{reason}_conflict"] = note.drop(rows[conflict], f"{reason}_conflict")
    return rows[~copy & ~conflict]

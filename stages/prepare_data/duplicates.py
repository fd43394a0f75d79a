"""Drop texts that are empty, copies or near copies."""

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.common.text_columns import TEXT_COLUMNS
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.copy_key import hashed_key
from stages.prepare_data.given import check_given, drop_across, given_splits
from stages.prepare_data.near_copies import near_duplicate_groups
from stages.prepare_data.notes import Notes
from stages.prepare_data.store import Store

DECISIVE = ("label", "group", GIVEN, "place", "key")  # the other columns would only take memory here


def drop_unusable(rows: pd.DataFrame, params: DataParams, store: Store) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows that are left, and how many were dropped for each reason.

    Of texts that are alike, the first is kept, unless they are labelled differently: then none of them is. A pair is
    empty when one of its texts is.

    Raises:
        UserError: when no row is left.
    """
    note = store.note
    empty = rows["key"] == 0
    dropped = {"empty": note.drop(rows[empty], "empty"), "across_splits": 0}
    left = rows.loc[~empty, list(DECISIVE)]
    if (left[GIVEN] != "").any():
        left = left.assign(**{GIVEN: given_splits(rows[~empty])})
        left, dropped["across_splits"] = separate(left, params, store)
    left = keep_first(left, left["key"].to_numpy(), "exact_duplicate", dropped, note)
    if left.empty:
        raise UserError(f"no row is left: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}")
    left = keep_first(left, near_copies(left, params, store), "near_duplicate", dropped, note)
    kept = rows.drop(columns=["key", "row_id"]).loc[left.index].assign(**{GIVEN: left[GIVEN]})
    return kept.reset_index(drop=True), dropped


def near_copies(rows: pd.DataFrame, params: DataParams, store: Store) -> np.ndarray:
    """Return a group number for each row, int (n,): rows in one group are near copies of one another.

    Pairs are where both of their texts are. One text may stand in many pairs, and be too short for a near copy.
    """
    places, similarity = rows["place"].to_numpy(), params.near_duplicate_similarity
    if params.text_pair_column is None:
        return near_duplicate_groups(store.texts(places, "text"), len(places), similarity, store.folder)
    groups = []
    for name in TEXT_COLUMNS:
        keys = [hashed_key(text) for batch in store.texts(places, name) for text in batch.to_pylist()]
        exact = pd.factorize(np.array(keys, dtype=np.uint64))[0]
        first = np.unique(exact, return_index=True)[1]
        near = near_duplicate_groups(store.texts(places[first], name), len(first), similarity, store.folder)
        groups.append(near[exact])
    return pd.factorize(pd.MultiIndex.from_arrays(groups))[0]


def separate(rows: pd.DataFrame, params: DataParams, store: Store) -> tuple[pd.DataFrame, int]:
    """Return the rows of given splits without those that are in another one too, and how many those were."""
    check_given(rows)
    exact = pd.factorize(rows["key"])[0]
    first = np.unique(exact, return_index=True)[1]
    near = near_copies(rows.iloc[first], params, store)[exact]
    together = pd.factorize(rows["group"].where(rows["group"] != ""))[0]  # -1 without a group
    across = drop_across(rows, [near, together], params, store.note)
    return rows[~across], store.note.drop(rows[across], "across_splits")


def keep_first(
    rows: pd.DataFrame, groups: np.ndarray, reason: str, dropped: dict[str, int], note: Notes
) -> pd.DataFrame:
    """Return the first row of each group of one label; count in `dropped` the copies and the conflicting rows."""
    own = rows[GIVEN].isin(["train", ""]).to_numpy()  # a given test or validation split stays as it is
    groups = np.where(own, pd.factorize(groups)[0], -1 - np.arange(len(rows)))
    grouped = pd.Series(pd.factorize(rows["label"])[0]).groupby(groups, sort=False)
    conflict = (grouped.transform("min") != grouped.transform("max")).to_numpy()
    copy = (grouped.cumcount() > 0).to_numpy() & ~conflict
    dropped[reason] = note.drop(rows[copy], reason)
    dropped[f"{reason}_conflict"] = note.drop(rows[conflict], f"{reason}_conflict")
    return rows[~copy & ~conflict]

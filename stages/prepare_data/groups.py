"""Split rows so that those of one group stay together."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural
from stages.prepare_data.row_labels import absent_labels, strata

SPLITS = ("test", "validation", "train")


def split_groups(rows: pd.DataFrame, params: DataParams, names: Sequence[str] = SPLITS) -> dict[str, pd.DataFrame]:
    """Return the splits that `names` gives, shuffled, with no group in two of them.

    A row without a group is one by itself. Groups are taken in random order (`random`), or runs of neighbouring
    groups of about `block_rows` rows are (`blocked`). One goes into a split when that brings the number of rows of
    each label nearer to its share of the rows asked for.

    Raises:
        UserError: when a split would have no row of a label.
    """
    random = np.random.default_rng(params.seed)
    units = row_units(rows["group"].to_numpy(), params.block_rows if params.split == "blocked" else 1)
    labels, classes = pd.factorize(strata(rows["label"], params), sort=True)
    counts = np.zeros((units.max() + 1, len(classes)), dtype=np.int64)  # rows of each unit and label
    np.add.at(counts, (units, labels), 1)
    proportion = counts.sum(axis=0) / len(rows)
    waiting = random.permutation(len(counts))
    splits = {}
    for split in names:
        asked = getattr(params, f"{split}_rows")
        chosen = waiting if asked is None else choose(waiting, counts, proportion * asked)
        waiting = waiting[~np.isin(waiting, chosen)]
        found = rows.iloc[np.flatnonzero(np.isin(units, chosen))]
        refuse_missing_labels(absent_labels(rows, found, params), split)
        splits[split] = found.iloc[random.permutation(len(found))]
        if asked is not None and len(found) != asked:
            print(f"{split}: {plural(len(found), 'row')}, {asked:,} asked for: data.group_column keeps groups whole")
    return splits


def row_units(groups: np.ndarray, block_rows: int) -> np.ndarray:
    """Return the number of each row's unit, int (n,): its group, or the run of groups that its group is in."""
    alone = -1 - np.arange(len(groups))
    codes = pd.factorize(np.where(groups == "", alone, pd.factorize(groups)[0]))[0]  # numbered as they first appear
    sizes = np.bincount(codes)
    return (np.cumsum(sizes) - sizes)[codes] // block_rows if block_rows > 1 else codes


def choose(waiting: np.ndarray, counts: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the units, of those that wait, that together come near to `target` rows of each label."""
    chosen = []
    missing = target.astype(float)
    for unit in waiting:
        left = missing - counts[unit]
        if left @ left < missing @ missing:
            chosen.append(unit)
            missing = left
    return np.array(chosen, dtype=waiting.dtype)


def refuse_missing_labels(absent: list[str], split: str) -> None:
    if absent:
        raise UserError(
            f"data.group_column: the {split} split would have no row labelled {', '.join(absent)}: there are too few "
            f"groups with that label. Choose a column with more groups, or ask for other numbers in data.*_rows."
        )

"""Split rows into test, validation and train."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.groups import SPLITS, split_groups
from stages.prepare_data.row_labels import strata

LEAST_BLOCKS = 10  # of a label: a rare one gets smaller blocks, or it could not be in every split


def split_rows(rows: pd.DataFrame, params: DataParams, names: Sequence[str] = SPLITS) -> dict[str, pd.DataFrame]:
    """Return the splits that `names` gives, each with the label proportions of the whole, shuffled.

    The rows of a label (of several a row, of the rarest) are shuffled one by one (`random`) or in blocks of neighbours
    (`blocked`); test, validation and train are then taken from the front. With `blocked`, what is left of a block that
    a split cuts goes unused, so that no two splits share a block. With `data.group_column` it is groups that are
    shuffled, see `split_groups`.

    Raises:
        UserError: when there are fewer rows than asked for.
    """
    if params.group_column is not None:
        return split_groups(rows, params, names)
    random = np.random.default_rng(params.seed)
    labels = strata(rows["label"], params)
    waiting: dict[str, list[pd.DataFrame]] = {}
    for value, group in rows.groupby(labels):
        block_rows = min(params.block_rows, max(1, len(group) // LEAST_BLOCKS)) if params.split == "blocked" else 1
        blocks = [group.iloc[start : start + block_rows] for start in range(0, len(group), block_rows)]
        waiting[str(value)] = [blocks[place] for place in random.permutation(len(blocks))]
    proportion = labels.value_counts(normalize=True).sort_index()
    splits: dict[str, pd.DataFrame] = {}
    for later, name in zip(reversed(range(len(names))), names, strict=True):
        asked = getattr(params, f"{name}_rows")
        most = pd.Series({label: sum(map(len, blocks[: len(blocks) - later])) for label, blocks in waiting.items()})
        counts = most.to_dict() if asked is None else shares(proportion, asked, most, name, params)
        taken: list[pd.DataFrame] = []
        for label, blocks in waiting.items():
            taken += take(blocks, int(counts[label]))
        split = pd.concat(taken)
        splits[name] = split.iloc[random.permutation(len(split))]
    return splits


def shares(proportion: pd.Series, total: int, most: pd.Series, name: str, params: DataParams) -> dict[str, int]:
    """Return how many of `total` rows each label gets: proportional, whole numbers, largest remainders first.

    Each gets one at least, and at most `most`; what one can't give, others do.

    Raises:
        UserError: when there are fewer rows than asked for, or fewer are asked for than there are labels.
    """
    if total < len(proportion):
        raise UserError(
            f"data.{name}_rows: must have a row for each of the {len(proportion)} classes; however: {total}"
        )
    if most.sum() < total:
        blocked = " `blocked` leaves parts of blocks unused: a lower data.block_rows wastes less." * (
            params.split == "blocked" and params.block_rows > 1
        )
        raise UserError(
            f"data.{name}_rows: too few rows are left for the {name} split: it asks for {total:,}, and {most.sum():,} "
            f"are left after cleaning and the splits before it. Ask for fewer rows in data.*_rows.{blocked}"
        )
    exact = proportion * total
    counts = np.floor(exact).astype(int)
    rest = (exact - counts).sort_values(ascending=False, kind="stable").index[: total - counts.sum()]
    counts[rest] += 1
    least = most.clip(upper=1)
    counts = counts.clip(lower=least, upper=most)
    while missing := total - counts.sum():
        room = (most if missing > 0 else least) - counts
        label = (exact - counts)[room != 0].sort_values(ascending=missing < 0, kind="stable").index[0]
        step = min(abs(room[label]), max(1, abs(missing) // len(counts)))
        counts[label] += step if missing > 0 else -step
    return counts.to_dict()


def take(blocks: list[pd.DataFrame], count: int) -> list[pd.DataFrame]:
    """Remove blocks from the front until there are `count` rows and return those rows."""
    taken = []
    while count > 0:
        block = blocks.pop(0).iloc[:count]
        taken.append(block)
        count -= len(block)
    return taken

"""Split rows into test, validation and train."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.groups import SPLITS, split_groups
from stages.prepare_data.row_labels import strata

LEAST_BLOCKS = 10  # of a label: a rare one gets smaller blocks, or it could not be in every split


class Blocks:
    """The rows of a label in blocks of neighbours, of which the order is random."""

    def __init__(self, places: np.ndarray, block_rows: int, random: np.random.Generator) -> None:
        numbers = np.arange(len(places)) // block_rows
        order = random.permutation(numbers[-1] + 1)
        self.places = places[np.argsort(np.argsort(order)[numbers], kind="stable")]
        self.ends = np.cumsum(np.bincount(numbers)[order])  # of the blocks that are left
        self.begin = 0  # of the first of them

    def available(self, later: int) -> int:
        """Return how many rows can be taken if `later` blocks are to be left."""
        return int(self.ends[-1 - later]) - self.begin if len(self.ends) > later else 0

    def take(self, count: int) -> np.ndarray:
        """Return the places of so many rows; what is left of the last one's block goes unused."""
        taken = self.places[self.begin : self.begin + count]
        if count:
            last = np.searchsorted(self.ends, self.begin + count)
            self.begin, self.ends = self.ends[last], self.ends[last + 1 :]
        return taken


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
    waiting: dict[str, Blocks] = {}
    for value, places in sorted(rows.groupby(labels).indices.items()):
        block_rows = min(params.block_rows, max(1, len(places) // LEAST_BLOCKS)) if params.split == "blocked" else 1
        waiting[str(value)] = Blocks(np.asarray(places), block_rows, random)
    proportion = labels.value_counts(normalize=True).sort_index()
    splits: dict[str, pd.DataFrame] = {}
    for later, name in zip(reversed(range(len(names))), names, strict=True):
        asked = getattr(params, f"{name}_rows")
        most = pd.Series({label: blocks.available(later) for label, blocks in waiting.items()})
        counts = most.to_dict() if asked is None else shares(proportion, asked, most, name, params)
        taken = np.concatenate([blocks.take(int(counts[label])) for label, blocks in waiting.items()])
        splits[name] = rows.iloc[taken[random.permutation(len(taken))]]
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

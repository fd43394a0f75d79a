"""Split rows into test, validation and train."""

from typing import Any

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.groups import split_groups


def split_rows(rows: pd.DataFrame, params: DataParams) -> dict[str, pd.DataFrame]:
    """Return the splits test, validation and train, each with the label proportions of the whole, shuffled.

    The rows of a label are shuffled one by one (`random`) or in blocks of neighbours (`blocked`); test, validation
    and train are then taken from the front. With `blocked`, what is left of a block that a split cuts goes unused,
    so that no two splits share a block. With `data.group_column` it is groups that are shuffled, see `split_groups`.

    Raises:
        UserError: when there are fewer rows than asked for.
    """
    if params.group_column is not None:
        return split_groups(rows, params)
    random = np.random.default_rng(params.seed)
    block_rows = params.block_rows if params.split == "blocked" else 1
    waiting = {}
    for label, group in rows.groupby("label"):
        blocks = [group.iloc[start : start + block_rows] for start in range(0, len(group), block_rows)]
        waiting[label] = [blocks[place] for place in random.permutation(len(blocks))]
    proportion = rows["label"].value_counts(normalize=True).sort_index()
    splits = {}
    for name in ("test", "validation", "train"):
        asked = getattr(params, f"{name}_rows")
        counts: dict[Any, int | None] = {**shares(proportion, asked)} if asked else dict.fromkeys(waiting)
        taken: list[pd.DataFrame] = []
        for label, count in counts.items():
            taken += take(waiting[label], count, name, label, params)
        split = pd.concat(taken)
        splits[name] = split.iloc[random.permutation(len(split))]
    return splits


def shares(proportion: pd.Series, total: int) -> dict[str, int]:
    """Return how many of `total` rows each label gets: proportional, whole numbers, largest remainders first."""
    exact = proportion * total
    counts = np.floor(exact).astype(int)
    rest = (exact - counts).sort_values(ascending=False, kind="stable").index[: total - counts.sum()]
    counts[rest] += 1
    return counts.to_dict()


def take(
    blocks: list[pd.DataFrame], count: int | None, name: str, label: str, params: DataParams
) -> list[pd.DataFrame]:
    """Remove blocks from the front until there are `count` rows (null takes all) and return those rows."""
    available = sum(map(len, blocks))
    if available < (count or 1):
        raise UserError(
            f"data.{name}_rows: too few rows are left for the {name} split: it needs {count or 1:,} labelled {label}, "
            f"and {available:,} are left after cleaning and the other splits. Ask for fewer rows in data.*_rows, or "
            f"lower data.block_rows (now {params.block_rows})."
        )
    taken = []
    missing = available if count is None else count
    while missing > 0:
        block = blocks.pop(0).iloc[:missing]
        taken.append(block)
        missing -= len(block)
    return taken

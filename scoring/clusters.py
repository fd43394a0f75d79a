"""Say which rows belong together: they are drawn together, or not at all, wherever rows are resampled.

Three kinds: every row by itself; rows that share a group (a film, a user, a document); runs of neighbouring rows, where
neighbours are known to be alike but nothing says which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RUN_ROWS = 50  # of a run of neighbours: intervals of shorter ones are too narrow, see bench/review_statistics.py


@dataclass(frozen=True)
class Clusters:
    """Clusters of rows, and the strata within which they are drawn. Clusters are numbered stratum by stratum."""

    of_row: np.ndarray  # the cluster of each row, int (rows,)
    sizes: np.ndarray  # clusters in each stratum, int (strata,)

    @property
    def count(self) -> int:
        return int(self.sizes.sum())

    @property
    def degrees(self) -> int:
        """Degrees of freedom of a variance over clusters: their number less that of the strata, at least 1."""
        return max(1, self.count - len(self.sizes))


def known_clusters(groups: Sequence[str], places: Sequence[str], truth: np.ndarray, block_rows: int | None) -> Clusters:
    """Return the clusters of a split's rows as far as the data tell: by group, else by neighbourhood, else none.

    Args:
        groups: the group of each row, or an empty text.
        places: FILE:ROW of each row.
        truth: see scoring/judges.py. Where rows may have several labels, all of them are one stratum.
        block_rows: how many neighbours the split kept together; None if it did not.
    """
    truth = strata_of(truth)
    if any(groups):
        return grouped_rows(groups, truth)
    return neighbouring_rows(places, truth, min(RUN_ROWS, block_rows)) if block_rows else single_rows(truth)


def strata_of(truth: np.ndarray) -> np.ndarray:
    """Return within what rows are drawn, int (rows,): within their true class, where they have one each."""
    return truth if truth.ndim == 1 else np.zeros(len(truth), dtype=int)


def single_rows(truth: np.ndarray) -> Clusters:
    """Every row is a cluster, drawn within its true class, int (rows,): the splits keep the classes' proportions."""
    return numbered(np.arange(len(truth)), truth)


def grouped_rows(groups: Sequence[str], truth: np.ndarray) -> Clusters:
    """Rows of one group are a cluster; a row whose group is empty is one by itself."""
    names = np.asarray(groups, dtype=object)
    alone = names == ""
    codes = np.empty(len(names), dtype=int)
    codes[alone] = np.arange(alone.sum())
    codes[~alone] = alone.sum() + np.unique(names[~alone].astype(str), return_inverse=True)[1]
    return numbered(codes, truth)


def neighbouring_rows(places: Sequence[str], truth: np.ndarray, run_rows: int = RUN_ROWS) -> Clusters:
    """Runs of `run_rows` rows of a class that stand next to each other in the data, as `data.split: blocked` cuts them.

    A place is FILE:ROW, the column `origin` of the prepared data. What is left over at the end of a class joins its
    last run.
    """
    files, _, rows = zip(*(place.rpartition(":") for place in places), strict=True)
    order = np.lexsort((np.asarray(rows, dtype=int), np.asarray(files), truth))
    codes = np.empty(len(order), dtype=int)
    first = 0
    for number in np.unique(truth):
        inside = order[truth[order] == number]
        runs = max(1, len(inside) // run_rows)
        codes[inside] = first + np.minimum(np.arange(len(inside)) // run_rows, runs - 1)
        first += runs
    return numbered(codes, truth)


def numbered(codes: np.ndarray, truth: np.ndarray) -> Clusters:
    """Number the clusters, and draw them within the classes where each has rows of one class only.

    A class with a single cluster would never vary, so such classes share a stratum, with the next smallest if need be.
    """
    _, of_row = np.unique(codes, return_inverse=True)
    count = int(of_row.max()) + 1
    first = np.zeros(count, dtype=truth.dtype)
    first[of_row] = truth
    stratum = np.unique(first, return_inverse=True)[1] if (first[of_row] == truth).all() else np.zeros(count, int)
    sizes = np.bincount(stratum)
    small = np.flatnonzero(sizes == 1)
    if len(small) == 1 and len(sizes) > 1:
        small = np.argsort(sizes, kind="stable")[:2]
    stratum = np.unique(np.where(np.isin(stratum, small), len(sizes), stratum), return_inverse=True)[1]
    place = np.empty(count, dtype=int)
    place[np.argsort(stratum, kind="stable")] = np.arange(count)
    return Clusters(of_row=place[of_row], sizes=np.bincount(stratum))

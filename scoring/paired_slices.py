"""Compare two classifiers on parts of the rows that both judged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from scoring.clusters import Clusters
from scoring.comparisons import holm
from scoring.intervals import DOUBT, percentiles, standard_error
from scoring.paired import count_flips
from scoring.resampling import resampled_means


@dataclass(frozen=True)
class SliceDifference:
    """The change of accuracy in a slice, from base to head."""

    name: str
    rows: int
    base: float
    head: float
    low: float  # of the change's 95 % interval, which holds for this slice alone
    high: float
    p_holm: float  # corrected for all slices that were looked at

    @property
    def change(self) -> float:
        return self.head - self.base

    @property
    def worse(self) -> bool:
        return self.change < 0 and self.p_holm < DOUBT

    @property
    def better(self) -> bool:
        return self.change > 0 and self.p_holm < DOUBT


def slice_differences(
    members: Mapping[str, np.ndarray],
    base_correct: np.ndarray,
    head_correct: np.ndarray,
    clusters: Clusters,
    resamples: int,
    seed: int,
) -> list[SliceDifference]:
    """Return the change in each slice, with its paired bootstrap interval and a p-value corrected by Holm's method.

    The p-value is the larger of two, so that neither clusters nor few rows that differ are forgotten: that of
    McNemar's exact test, and that of Student's t with the bootstrap's standard error.

    Args:
        members: the slices, bool (rows,) each; a row may be in several.
        base_correct, head_correct: whether each model is right, bool (rows,).
    """
    if not members:
        return []
    inside = np.stack(list(members.values()))
    changes = head_correct.astype(float) - base_correct
    sampled = resampled_means(changes, inside, clusters, resamples, seed)
    p_values = [
        max(count_flips(base_correct[rows], head_correct[rows]).p_value, t_test(changes[rows].mean(), values, clusters))
        for rows, values in zip(inside, sampled, strict=True)
    ]
    return [
        SliceDifference(
            name,
            int(rows.sum()),
            float(base_correct[rows].mean()),
            float(head_correct[rows].mean()),
            *percentiles(values, clusters),
            float(p_value),
        )
        for (name, rows), values, p_value in zip(members.items(), sampled, holm(p_values), strict=True)
    ]


def t_test(change: float, sampled: np.ndarray, clusters: Clusters) -> float:
    """Return the two-sided p-value of a change, from its resampled values; 1 where nothing varies."""
    error = standard_error(sampled, clusters)
    return float(2 * t.sf(abs(change) / error, clusters.degrees)) if error else 1.0

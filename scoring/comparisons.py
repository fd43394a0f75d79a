"""Judge many differences at once, so that picking the best of many does not find one that chance made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from scoring.clusters import Clusters
from scoring.intervals import DOUBT, spread_factor, standard_error


@dataclass(frozen=True)
class Simultaneous:
    """One of many differences: the interval holds for all of them together with 95 %, and so does the p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def simultaneous(
    differences: Mapping[str, float], resampled: Mapping[str, np.ndarray], clusters: Clusters
) -> dict[str, Simultaneous]:
    """Correct many paired differences for having looked at all: the largest of many is large by chance alone.

    The largest standardised difference of each resample says how far the best of many strays by chance (the single-step
    max-T method: Westfall and Young, Resampling-based multiple testing, 1993). It takes into account that experiments
    which judge the same rows stray together, and so is less strict than Holm or Bonferroni.

    Args:
        differences: of each experiment, its score less that of the base.
        resampled: the same differences on the same resamples of the rows, float (resamples,) each.
    """
    names = list(differences)
    errors = np.array([standard_error(resampled[name], clusters) for name in names])
    errors[errors == 0] = np.inf  # the same predictions: no difference can be found, nor does chance make one
    found = np.array([differences[name] for name in names])
    expand = spread_factor(clusters) / norm.ppf(1 - DOUBT / 2)
    strays = np.abs(np.stack([resampled[name] for name in names]) - found[:, None]) / errors[:, None] * expand
    largest = strays.max(axis=0)
    reach = float(np.quantile(largest, 1 - DOUBT))
    result = {}
    for name, difference, error in zip(names, found, errors, strict=True):
        wide = 0.0 if np.isinf(error) else reach * error
        p_value = (1 + (largest >= abs(difference) / error).sum()) / (1 + len(largest))
        result[name] = Simultaneous(difference, difference - wide, difference + wide, float(p_value))
    return result


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values corrected by Holm's step-down method (1979), float (tests,)."""
    return multipletests(p_values, method="holm")[1] if len(p_values) else np.empty(0)


@dataclass(frozen=True)
class Seeds:
    """A score over the seeds of one recipe."""

    mean: float
    spread: float  # standard deviation over the seeds; 0 for a single one
    lowest: float
    highest: float
    count: int


def over_seeds(scores: Sequence[float]) -> Seeds:
    values = np.asarray(scores, dtype=float)
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Seeds(float(values.mean()), spread, float(values.min()), float(values.max()), len(values))


def outlives_the_seeds(base: Seeds, head: Seeds) -> bool:
    """Say whether every seed of one recipe scores above every seed of the other.

    This is a description and no test: three seeds are too few for one. With one seed on a side it says nothing, and is
    False.
    """
    apart = head.lowest > base.highest or head.highest < base.lowest
    return apart and min(base.count, head.count) > 1

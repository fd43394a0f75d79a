"""Say how much a test split can show: the smallest difference, and the rows that a difference needs.

Both take the standard error that was found, so they hold for any score and for clusters of rows; they assume that
more rows would be of the same kind: as often in disagreement, and as many in a cluster.
"""

import math

import numpy as np
from scipy.stats import norm, t
from statsmodels.stats.power import normal_sample_size_one_tail

from scoring.clusters import Clusters
from scoring.intervals import DOUBT

POWER = 0.8


def smallest_detectable(standard_error: float, clusters: Clusters) -> float:
    """Return the smallest true difference that is found in POWER of all test splits like this one."""
    return float((t.ppf(1 - DOUBT / 2, clusters.degrees) + norm.ppf(POWER)) * standard_error)


def rows_needed(difference: float, standard_error: float, rows: int) -> int | None:
    """Return how many test rows it takes to find a true difference of that size in POWER of all splits; None for 0."""
    if difference == 0 or standard_error == 0:
        return None
    spread = standard_error * math.sqrt(rows)  # of one row, its cluster allowed for
    return math.ceil(normal_sample_size_one_tail(abs(difference), POWER, DOUBT / 2, std_null=spread))


def design_effect(values: np.ndarray, clusters: Clusters) -> float:
    """Return how many times the variance of a mean is that of independent rows, from values of each row, float (rows,).

    The values may be whether a model is right (0 or 1), or the difference of two models' (-1, 0 or 1). Kish, Survey
    sampling, 1965. 1 where the values do not vary.
    """
    stratum = np.repeat(np.arange(len(clusters.sizes)), clusters.sizes)[clusters.of_row]
    rest = values - (np.bincount(stratum, weights=values) / np.bincount(stratum))[stratum]
    independent = (rest**2).sum() * len(rest) / max(1, len(rest) - len(clusters.sizes))
    together = (np.bincount(clusters.of_row, weights=rest, minlength=clusters.count) ** 2).sum()
    return float(together / independent * clusters.count / clusters.degrees) if independent > 0 else 1.0

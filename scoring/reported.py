"""Compare two classifiers by nothing but the metrics that were reported of them."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from scoring.intervals import DOUBT
from scoring.paired import Difference


def differences_of_intervals(name: str, base: Mapping[str, float], head: Mapping[str, float]) -> Difference:
    """Return the change of a score between two sets of metrics, from nothing but their two intervals.

    Each half of an interval is taken for its distance to the score, and the two models for judged on different rows:
    on the same ones the true interval is narrower, and how much is not in the metrics.
    """
    reach = [
        (metrics[name] - metrics[f"{name}_ci95_low"], metrics[f"{name}_ci95_high"] - metrics[name])
        for metrics in (base, head)
    ]
    low = float(np.hypot(reach[0][1], reach[1][0]))
    high = float(np.hypot(reach[0][0], reach[1][1]))
    change = head[name] - base[name]
    error = (low + high) / 2 / float(norm.ppf(1 - DOUBT / 2))
    return Difference(name, base[name], head[name], change - low, change + high, error, float("nan"))

"""Confidence intervals of scores, from their resampled values."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import beta, norm, t

from scoring.clusters import Clusters

DOUBT = 0.05  # 1 less the coverage of the intervals
ALL_ROWS = (
    "accuracy",
    "mcc",
    "top_",
    "precision_micro",
    "recall_micro",
    "f1_micro",
    "_weighted",
)  # scores of all rows alike
OF_CLASSES = ("precision", "recall", "f1", "roc_auc")  # scores that look at a class, or average over classes


def spread_factor(clusters: Clusters) -> float:
    """Return how many bootstrap standard errors a 95 % interval reaches to each side.

    A bootstrap over k clusters in s strata is too narrow twice over: its variance lacks the factor k / (k - s), and it
    takes the normal distribution for Student's t. With many clusters this is 1.96.
    """
    return float(t.ppf(1 - DOUBT / 2, clusters.degrees) * np.sqrt(clusters.count / clusters.degrees))


def percentiles(values: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    """Return the 95 % percentile interval of resampled values, (resamples,), expanded for the number of clusters.

    The quantiles are those that the normal distribution has at `spread_factor` (Hesterberg, What teachers should know
    about the bootstrap, 2015, section 3.3). Resamples in which a score is undefined (NaN) don't count.
    """
    tail = norm.sf(spread_factor(clusters))
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)


def mostly_defined(values: np.ndarray) -> bool:
    """Say whether a score could be told in 95 % of the resamples: of so few clusters that one in twenty lacks a class,
    the others say nothing of it."""
    return bool(np.isnan(values).mean() <= DOUBT)


def standard_error(values: np.ndarray, clusters: Clusters) -> float:
    """Return the standard error of a score: the spread of its resampled values, mended for the number of clusters."""
    return float(np.nanstd(values) * np.sqrt(clusters.count / clusters.degrees))


def intervals(scores: Mapping[str, float], resampled: Mapping[str, np.ndarray], clusters: Clusters) -> dict[str, float]:
    """Return NAME_ci95_low and NAME_ci95_high of each score that was resampled.

    A score that is the same in every resample, as where each class is all right or all wrong, has no spread, and the
    percentiles would claim certainty: its interval is then that of Clopper and Pearson 1934, see `certain`. Of one that
    is not `mostly_defined` nothing is known: its interval is all that it can be.
    """
    found = {}
    for name, values in resampled.items():
        ends = percentiles(values, clusters) if mostly_defined(values) else (-1.0 * name.startswith("margin_"), 1.0)
        if ends[0] == ends[1] == scores[name]:
            ends = certain(name, scores[name], clusters)
        found[f"{name}_ci95_low"], found[f"{name}_ci95_high"] = ends
    return found


def certain(name: str, score: float, clusters: Clusters) -> tuple[float, float]:
    """Return the interval of a score without spread, if it is a rate of rows, or 0 or 1, else the score twice.

    Nothing tells how alike the rows of a cluster are when all are right, so each cluster counts once. A score of one
    class, or of pairs of rows from two, has no more to go by than the smaller class has clusters, and an average over
    classes has that many for each.
    """
    if name.startswith(ALL_ROWS) or name.endswith(ALL_ROWS):
        trials = clusters.count
    else:
        strata = len(clusters.sizes)
        trials = int(clusters.sizes.min()) * (strata if strata > 2 or name.endswith("_macro") else 1)
    if 0 < score < 1 and (name.startswith(("accuracy", "top_")) or name.endswith("_micro")):
        hits = score * trials
        low, high = beta.ppf((DOUBT / 2, 1 - DOUBT / 2), (hits, hits + 1), (trials - hits + 1, trials - hits))
        return float(low), float(high)
    edge = float(beta.ppf(DOUBT / 2, trials, 1))  # the lower end of as many hits
    if name == "mcc" and score == 1:
        return 2 * edge - 1, 1.0
    if score in (0, 1) and name != "mcc" and name.startswith((*ALL_ROWS, *OF_CLASSES)):
        return (edge, 1.0) if score == 1 else (0.0, 1 - edge)
    return score, score

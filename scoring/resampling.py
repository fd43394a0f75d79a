"""Resample clusters of rows, and score a classifier on all resamples at once.

This is the repository's only resampling: evaluate, export and review use it.
"""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from scoring.clusters import Clusters
from scoring.judges import Judge, LabelSets, Scores, Sheet, ratio
from scoring.multilabel import label_set_sheet
from scoring.scores import TOP_K, among_top, judged_classes

CHUNK_WEIGHTS = 400_000  # held at once: larger arrays go back to the system each time, which takes thrice as long
SPARSE = 0.3  # a table with fewer values than this fraction of its cells is multiplied as a sparse one


def drawn_weights(clusters: Clusters, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each cluster is drawn, float (clusters, some resamples), until there are `resamples`.

    Within each stratum as many clusters are drawn, with replacement, as it has (Efron and Tibshirani, An introduction
    to the bootstrap, 1993, chapter 8; clusters: Davison and Hinkley, Bootstrap methods and their application, 1997,
    section 3.8). All judges of the same rows get the same resamples, so that their differences are paired.
    """
    random = np.random.default_rng(seed)
    ends = np.cumsum(clusters.sizes)
    for size in chunks(len(clusters.of_row), resamples):
        drawn = np.empty((size, clusters.count), dtype=np.int64)
        for end, number in zip(ends, clusters.sizes, strict=True):
            drawn[:, end - number : end] = random.integers(end - number, end, size=(size, number))
        weights = np.empty((size, clusters.count))
        for place, row in enumerate(drawn):
            weights[place] = np.bincount(row, minlength=clusters.count)
        yield np.ascontiguousarray(weights.T)


def chunks(rows: int, total: int) -> Iterator[int]:
    """Yield sizes that sum to `total`, each of so many resamples of `rows` that CHUNK_WEIGHTS are held."""
    size = max(1, CHUNK_WEIGHTS // rows)
    for start in range(0, total, size):
        yield min(size, total - start)


def resampled_scores(
    truth: np.ndarray, judges: Sequence[Judge], clusters: Clusters, resamples: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Score each judge on the same resamples.

    Args:
        truth, judges: see scoring/judges.py.

    Returns:
        For each judge the scores of `classification_scores`, but for ece, each as float (resamples,).
    """
    scorers = [Scorer(truth, judge, clusters.of_row) for judge in judges]
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in judges]
    for weights in drawn_weights(clusters, resamples, seed):
        for scorer, scores in zip(scorers, parts, strict=True):
            scores.append(scorer(weights))
    return [joined(scores) for scores in parts]


def resampled_means(
    values: np.ndarray, inside: np.ndarray, clusters: Clusters, resamples: int, seed: int
) -> np.ndarray:
    """Return the mean of `values`, (rows,), over each part of the rows on each resample, float (parts, resamples).

    Args:
        inside: the parts, bool (parts, rows). Where no row of one was drawn, its mean is NaN.
    """
    counted = [column for part in inside for column in (part * values, part)]
    sums = np.stack([np.bincount(clusters.of_row, weights=column, minlength=clusters.count) for column in counted])
    total = np.concatenate([sums @ weights for weights in drawn_weights(clusters, resamples, seed)], axis=1)
    with np.errstate(invalid="ignore"):
        return total[0::2] / total[1::2]


def joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Scorer:
    """Gives a judge's scores on resamples, from how often each cluster was drawn.

    All that can be is summed over the rows of a cluster once, here. ece is left out: each resampling adds to it, see
    scoring/calibration.py.
    """

    def __init__(self, truth: np.ndarray, judge: Judge, of_row: np.ndarray) -> None:
        sheet = label_set_sheet(truth, judge) if isinstance(judge, LabelSets) else class_sheet(truth, judge)
        self.means, self.combine = list(sheet.means), sheet.combine
        rows = np.stack([np.bincount(of_row, weights=values) for values in (None, *sheet.means.values())])
        counts = [cells(numbers, of_row[kept], sheet.num_classes, rows.shape[1]) for numbers, kept in sheet.counted]
        self.shape = (len(rows), *[sheet.num_classes] * len(counts))
        table = vstack([csr_array(rows), *counts], format="csr")
        self.sums = table if table.nnz < SPARSE * table.shape[0] * table.shape[1] else table.toarray()
        self.areas = [RocArea(positive, score, of_row) for positive, score in sheet.curves]

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return each score as float (resamples,), for weights float (clusters, resamples)."""
        (total, *means), true, chosen, hits = np.split(self.sums @ weights, np.cumsum(self.shape)[:-1])
        scores = {name: values / total for name, values in zip(self.means, means, strict=True)}
        scores |= self.combine(true, chosen, hits, total)
        if self.areas:
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of a resample with one class only
                scores["roc_auc"] = np.nanmean([area(weights) for area in self.areas], axis=0)
        return scores


def class_sheet(truth: np.ndarray, probabilities: np.ndarray) -> Sheet:
    num_classes = probabilities.shape[1]
    chosen = probabilities.argmax(axis=1)
    epsilon = np.finfo(probabilities.dtype).eps  # as scikit-learn clips
    squares = ((probabilities - (truth[:, None] == np.arange(num_classes))) ** 2).sum(axis=1)
    rows, hits = np.arange(len(truth)), np.flatnonzero(chosen == truth)
    return Sheet(
        num_classes,
        means={
            "accuracy": chosen == truth,
            "log_loss": -np.log(np.clip(probabilities[rows, truth], epsilon, 1 - epsilon)),
            "brier": squares / 2 if num_classes == 2 else squares,
            **{f"top_{k}_accuracy": among_top(truth, probabilities, k) for k in TOP_K if num_classes > k},
        },
        counted=[(truth, rows), (chosen, rows), (truth[hits], hits)],
        curves=[(truth == k, probabilities[:, k]) for k in judged_classes(truth, num_classes)],
        combine=confusion_scores,
    )


def cells(numbers: np.ndarray, of_row: np.ndarray, num_numbers: int, num_clusters: int) -> csr_array:
    """Return how many rows of each number each cluster has, (numbers, clusters)."""
    return csr_array((np.ones(len(numbers)), (numbers, of_row)), shape=(num_numbers, num_clusters))


def confusion_scores(true: np.ndarray, chosen: np.ndarray, hits: np.ndarray, total: np.ndarray) -> Scores:
    """Return what follows from how many rows are of a class, are given it, and both; each (classes, resamples)."""
    right = hits.sum(axis=0)
    each = {
        "precision": ratio(hits, chosen),
        "recall": ratio(hits, true),
        "f1": ratio(2 * hits, true + chosen),
    }
    present = true > 0
    macro = {name: ratio((values * present).sum(axis=0), present.sum(axis=0)) for name, values in each.items()}
    if len(true) == 2:
        scores = {name: values[1] for name, values in each.items()}
    else:
        scores = macro | {f"{name}_micro": right / total for name in each}
        scores |= {f"{name}_weighted": (values * true).sum(axis=0) / total for name, values in each.items()}
    spread = (total**2 - (chosen**2).sum(axis=0)) * (total**2 - (true**2).sum(axis=0))
    mcc = ratio(right * total - (chosen * true).sum(axis=0), np.sqrt(spread))  # Gorodkin 2004
    return {**scores, "f1_macro": macro["f1"], "mcc": mcc}


class RocArea:
    """Gives the area under the ROC curve on resamples, from how often each cluster was drawn.

    It is the weight of the pairs in which the positive row has the higher score, ties counting half, over that of all
    pairs (Hanley and McNeil 1982). Positive rows with the same negative ones below them count alike, and so do the
    negative rows between two of those: both are summed up first, which leaves few numbers where the classes are well
    apart.
    """

    def __init__(self, positive: np.ndarray, score: np.ndarray, of_row: np.ndarray) -> None:
        num_clusters = int(of_row.max()) + 1
        above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
        below = below[np.argsort(score[below], kind="stable")]
        places = np.stack([np.searchsorted(score[below], score[above], side) for side in ("left", "right")])
        ends, used = np.unique(places, return_inverse=True)
        (self.under, self.under_or_tied), alike = np.unique(used.reshape(2, -1), axis=1, return_inverse=True)
        steps = np.searchsorted(ends, np.arange(len(below)), "right")
        self.positives = cells(alike, of_row[above], len(self.under), num_clusters)
        self.negatives = cells(steps, of_row[below], len(ends) + 1, num_clusters)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return float (resamples,), NaN for a resample without a row of one of the two classes."""
        above, sums = self.positives @ weights, np.cumsum(self.negatives @ weights, axis=0)
        pairs = np.einsum("ij,ij->j", above, sums[self.under] + sums[self.under_or_tied]) / 2
        with np.errstate(invalid="ignore"):
            return pairs / (above.sum(axis=0) * sums[-1])

"""Confidence intervals of scores, by resampling rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from scoring.scores import TOP_K, among_top, judged_classes

INTERVAL = (0.025, 0.975)  # quantiles of the resampled scores
CHUNK_WEIGHTS = 4_000_000  # weights of resampled rows held at once: bounds memory


def intervals(resampled: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return NAME_ci95_low and NAME_ci95_high of each score: percentiles of its resampled values, (resamples,)."""
    found = {name: np.quantile(values, INTERVAL) for name, values in resampled.items()}
    return {
        f"{name}_ci95_{end}": float(value)
        for name, ends in found.items()
        for end, value in zip(("low", "high"), ends, strict=True)
    }


def resampled_scores(
    truth: np.ndarray, judges: Sequence[np.ndarray], resamples: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Score each judge on the same bootstrap resamples of the rows, drawn within each true class.

    The splits keep the proportions of the labels, and so do the resamples: that is why they are stratified (Efron and
    Tibshirani, An introduction to the bootstrap, 1993, chapter 8). As all judges see the same resamples, the
    difference of two judges' scores is a paired one.

    Args:
        truth: the number of the true class of each row, int (n,).
        judges: for each judge its class probabilities, float (n, classes).

    Returns:
        For each judge the scores of ClassificationScores, but for ece, each as float (resamples,).
    """
    random = np.random.default_rng(seed)
    chunk = max(1, CHUNK_WEIGHTS // len(truth))
    chunks: list[list[dict[str, np.ndarray]]] = [[] for _ in judges]
    for start in range(0, resamples, chunk):
        weights = stratified_weights(truth, min(chunk, resamples - start), random)
        for judge, scores in zip(judges, chunks, strict=True):
            scores.append(weighted_scores(truth, judge, weights))
    return [{name: np.concatenate([part[name] for part in parts]) for name in parts[0]} for parts in chunks]


def stratified_weights(truth: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Return how often each row is drawn in each resample, float (n, resamples); a class's draws sum to its rows."""
    weights = np.empty((len(truth), resamples))
    for number in np.unique(truth):
        rows = np.flatnonzero(truth == number)
        drawn = random.integers(len(rows), size=(resamples, len(rows))) + len(rows) * np.arange(resamples)[:, None]
        weights[rows] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).T
    return weights


def weighted_scores(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of ClassificationScores, but for ece, of rows that count `weights`, float (n, resamples).

    Every score is worked out for all resamples together, each as float (resamples,).
    """
    num_classes = probabilities.shape[1]
    classes = np.arange(num_classes)
    chosen = probabilities.argmax(axis=1)
    epsilon = np.finfo(probabilities.dtype).eps  # as scikit-learn clips
    squares = ((probabilities - (truth[:, None] == classes)) ** 2).sum(axis=1)
    means = {
        "accuracy": chosen == truth,
        "log_loss": -np.log(np.clip(probabilities[np.arange(len(truth)), truth], epsilon, 1 - epsilon)),
        "brier": squares / 2 if num_classes == 2 else squares,
        **{f"top_{k}_accuracy": among_top(truth, probabilities, k) for k in TOP_K if num_classes > k},
    }
    total = weights.sum(axis=0)
    scores = {name: values.astype(float) @ weights / total for name, values in means.items()}
    scores |= confusion_scores(
        count(truth, num_classes, weights),
        count(chosen, num_classes, weights),
        count(np.where(chosen == truth, truth, num_classes), num_classes + 1, weights)[:-1],
    )
    areas = [weighted_auc(truth == k, probabilities[:, k], weights) for k in judged_classes(truth, num_classes)]
    if areas:
        scores["roc_auc"] = np.mean(areas, axis=0)
    return scores


def count(numbers: np.ndarray, num_classes: int, weights: np.ndarray) -> np.ndarray:
    """Return the weight of the rows of each class, float (classes, resamples)."""
    rows = np.arange(len(numbers))
    return csr_array((np.ones(len(rows)), (numbers, rows)), shape=(num_classes, len(rows))) @ weights


def confusion_scores(true: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> dict[str, np.ndarray]:
    """Return what follows from how many rows are of a class, are given it, and both; each (classes, resamples)."""
    total, right = true.sum(axis=0), hits.sum(axis=0)
    each = {
        "precision": ratio(hits, chosen),
        "recall": ratio(hits, true),
        "f1": ratio(2 * hits, true + chosen),
    }
    if len(true) == 2:
        scores = {name: values[1] for name, values in each.items()}
    else:
        scores = {name: values.mean(axis=0) for name, values in each.items()}
        scores |= {f"{name}_micro": right / total for name in each}
        scores |= {f"{name}_weighted": (values * true).sum(axis=0) / total for name, values in each.items()}
    spread = (total**2 - (chosen**2).sum(axis=0)) * (total**2 - (true**2).sum(axis=0))
    mcc = ratio(right * total - (chosen * true).sum(axis=0), np.sqrt(spread))  # Gorodkin 2004
    return {**scores, "f1_macro": each["f1"].mean(axis=0), "mcc": mcc}


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, and give 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def weighted_auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve for each column of `weights`, float (resamples,).

    It is the weight of the pairs in which the positive row has the higher score, ties counting half, over that of all
    pairs (Hanley and McNeil 1982). `positive` is bool (n,), `score` float (n,).
    """
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    below = below[np.argsort(score[below], kind="stable")]
    sums = np.zeros((len(below) + 1, weights.shape[1]))
    np.cumsum(weights[below], axis=0, out=sums[1:])
    under, under_or_tied = (np.searchsorted(score[below], score[above], side) for side in ("left", "right"))
    pairs = np.einsum("ij,ij->j", weights[above], sums[under] + sums[under_or_tied]) / 2
    return pairs / (weights[above].sum(axis=0) * sums[-1])

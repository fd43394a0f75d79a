"""Thresholds: where a row may have several labels, it is given those whose probability reaches the label's own."""

import numpy as np

FEW = 10  # rows with a label, below which its threshold is the one that suits all labels together
DECIMALS = 4  # as metrics have: a threshold is used as it is reported
MIDDLE = 0.5  # where no row has any label


def fit_thresholds(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the threshold of each label, float (classes,), that gives it the best F1.

    Args:
        truth: whether each row has each label, bool (rows, classes), of rows that the model was not trained on and is
            not tested on.
        probabilities: float (rows, classes).
    """
    common = best_threshold(truth.ravel(), probabilities.ravel())
    found = [
        best_threshold(has, probability) if has.sum() >= FEW else common
        for has, probability in zip(truth.T, probabilities.T, strict=True)
    ]
    return np.maximum(np.round(found, DECIMALS), 10.0**-DECIMALS)


def best_threshold(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the threshold with the best F1, halfway between two probabilities; truth is bool (n,)."""
    if not truth.any():
        return MIDDLE
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    f1 = 2 * np.cumsum(truth[order]) / (np.arange(1, len(truth) + 1) + truth.sum())
    below = np.append(ranked[1:], 0.0)
    f1[ranked == below] = -1  # rows of one probability go together
    best = int(f1.argmax())
    return float((ranked[best] + below[best]) / 2)

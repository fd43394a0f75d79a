"""Weigh the classes against each other, in training and in the baseline alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stages.common.errors import UserError

Asked = str | Mapping[Any, float] | None  # train.class_weights


def class_weights(asked: Asked, truth: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the weight of each class in the loss, scaled so that a row weighs 1 on average, float64 (classes,).

    With several labels a row each label is a question of its own: the weights are those of the rows without it and of
    the rows with it, float64 (2, classes), and both together weigh 1 on average.

    Args:
        asked: None for 1 each; "balanced" for the same total weight of every class, or of the rows with a label and
            those without; or a weight for each class name, which is that of its rows.
        truth: the labels of the train split, as `true_labels` gives them.

    Raises:
        UserError: when the classes that are given weights by hand are not those of the data.
    """
    counts = class_counts(truth, len(names))
    if truth.ndim == 2:
        counts = np.stack([len(truth) - counts, counts])
    if asked is None:
        return np.ones(counts.shape)
    if isinstance(asked, str):
        weights = 1 / np.maximum(counts, 1)
    else:
        weights = given_weights(asked, names)
        if truth.ndim == 2:
            weights = np.stack([np.ones(len(names)), weights])
    return weights * counts.sum(axis=0) / (weights * counts).sum(axis=0)


def given_weights(asked: Mapping[Any, float], names: list[str]) -> np.ndarray:
    given = {str(name): weight for name, weight in asked.items()}
    if set(given) != set(names):
        raise UserError(
            f"train.class_weights: must name every class, which are {', '.join(names)}; however: {', '.join(given)}"
        )
    return np.array([given[name] for name in names])


def class_counts(truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Return how many rows have each class, int (classes,)."""
    return truth.sum(axis=0) if truth.ndim == 2 else np.bincount(truth, minlength=num_classes)


def row_weights(weights: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weight of each row in the loss, float (rows,); with several labels a row, that of each label's part of
    it, float (rows, classes)."""
    if truth.ndim == 1:
        return weights[truth]
    return weights[truth.astype(int), np.arange(truth.shape[1])] / truth.shape[1]

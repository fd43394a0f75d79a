"""Weigh the classes against each other, in training and in the baseline alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.common.errors import UserError

Asked = str | Mapping[Any, float] | None  # train.class_weights


def class_weights(asked: Asked, labels: Sequence[int] | np.ndarray, names: list[str]) -> np.ndarray:
    """Return the weight of each class in the loss, float64 (classes,), scaled so that a row weighs 1 on average.

    Args:
        asked: None for 1 each; "balanced" for the same total weight of every class; or a weight for each class name.
        labels: int (rows,), the class of each row of the train split.

    Raises:
        UserError: when the classes that are given weights by hand are not those of the data.
    """
    counts = np.bincount(labels, minlength=len(names))
    if asked is None:
        return np.ones(len(names))
    if isinstance(asked, str):
        weights = 1 / np.maximum(counts, 1)
    else:
        given = {str(name): weight for name, weight in asked.items()}
        if set(given) != set(names):
            raise UserError(
                f"train.class_weights: must name every class, which are {', '.join(names)}; however: {', '.join(given)}"
            )
        weights = np.array([given[name] for name in names])
    return weights * counts.sum() / (weights @ counts)

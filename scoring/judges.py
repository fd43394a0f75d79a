"""What a classifier says of rows, and the parts that its scores are made of.

With one label a row a judge is its class probabilities, float (rows, classes), and the truth the number of each row's
class, int (rows,). With several labels a row it is LabelSets, and the truth says whether each row has each label, bool
(rows, classes).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelSets:
    """What a classifier says of rows with any number of labels each."""

    probabilities: np.ndarray  # of each label, float (rows, classes)
    chosen: np.ndarray  # whether the row is given the label, bool (rows, classes)


Judge = np.ndarray | LabelSets
Scores = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sheet:
    """What the scores of a judge follow from, row by row, so that it can be summed over clusters of rows.

    Attributes:
        means: of each score that is a mean over rows, the value of each row, (rows,).
        counted: of the labels that rows have, are given, and both: their numbers, and the row of each, int.
        curves: of each label with a ROC curve, which rows have it, bool (rows,), and its probability, (rows,).
        combine: makes the other scores, (resamples,) each, of the rows that are counted, (classes, resamples) each, and
            their total, (resamples,).
    """

    num_classes: int
    means: Scores
    counted: Sequence[tuple[np.ndarray, np.ndarray]]
    curves: Sequence[tuple[np.ndarray, np.ndarray]]
    combine: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Scores]


def decisions(judge: Judge) -> np.ndarray:
    """Return the class that each row is given, int (rows,), or whether it is given each label, bool (rows, classes)."""
    return judge.chosen if isinstance(judge, LabelSets) else judge.argmax(axis=1)


def probabilities(judge: Judge) -> np.ndarray:
    return judge.probabilities if isinstance(judge, LabelSets) else judge


def has_class(truth: np.ndarray, number: int) -> np.ndarray:
    """Say which rows have a class, bool (rows,)."""
    return truth == number if truth.ndim == 1 else truth[:, number]


def right(truth: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Say which rows are decided as the truth has it, with several labels in all of them, bool (rows,)."""
    return truth == decided if truth.ndim == 1 else (truth == decided).all(axis=1)


def one_after_the_other(base: Judge, head: Judge) -> Judge:
    """Return a judge of twice the rows: what one says of all, then what the other does."""
    if isinstance(base, LabelSets) and isinstance(head, LabelSets):
        return LabelSets(
            np.concatenate([base.probabilities, head.probabilities]), np.concatenate([base.chosen, head.chosen])
        )
    assert isinstance(base, np.ndarray)
    assert isinstance(head, np.ndarray)
    return np.concatenate([base, head])


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, and give 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)

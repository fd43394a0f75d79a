"""Judges with known faults: true classes and the probabilities that a classifier gives them."""

import numpy as np
from scipy.special import expit, softmax

SEPARATION = 1.5  # of the two classes in `judged_rows`, in standard deviations


def judged_rows(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true classes, half and half, and the probabilities of a calibrated judge, (n, 2)."""
    truth = np.arange(rows) % 2
    evidence = random.normal(SEPARATION * (truth - 0.5))
    positive = expit(SEPARATION * evidence)
    return truth, np.stack([1 - positive, positive], axis=1)


def guesses(random: np.random.Generator, rows: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true classes and rounded, so often tied, probabilities that lean towards them, (n, classes)."""
    truth = random.integers(num_classes, size=rows)
    probabilities = softmax(random.normal(size=(rows, num_classes)).round(1) + np.eye(num_classes)[truth], axis=1)
    return truth, probabilities

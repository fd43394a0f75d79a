"""How far a classifier's probabilities can be believed, and the one number that mends them."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

CONFIDENCE_BINS = 15  # of equal width over [0, 1]: Guo et al. 2017


def confidence_bins(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Return n, mean confidence and accuracy of the rows in each of CONFIDENCE_BINS; NaN in an empty bin.

    Confidence is the probability of the class that is chosen.
    """
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * CONFIDENCE_BINS).astype(int), CONFIDENCE_BINS - 1)
    n, sums, hits = (
        np.bincount(bins, weights=values, minlength=CONFIDENCE_BINS)
        for values in (None, confidence, probabilities.argmax(axis=1) == truth)
    )
    with np.errstate(invalid="ignore"):
        return {"n": n, "confidence": sums / n, "accuracy": hits / n}


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean gap between confidence and accuracy over bins, weighted by rows (Guo et al., On calibration of
    modern neural networks, 2017). Of a perfectly calibrated model and n rows it is not 0, but of the order of
    √(bins / n), which is why it has no bootstrap interval here: each resampling adds to it."""
    bins = confidence_bins(truth, probabilities)
    return float(np.nansum(bins["n"] * np.abs(bins["confidence"] - bins["accuracy"])) / len(truth))


TEMPERATURES = (0.05, 20.0)  # no classifier that learnt something needs more
DECIMALS = 4  # of the temperature: it is used as it is reported


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the number to divide logits by so that their softmax has the least log loss (Guo et al. 2017).

    The true class of each of n rows is taken to be that with 1 / (n + 2) of doubt, as in Platt 1999: else logits that
    are right in every row would be blown up without end, and the model said to be certain.

    Args:
        logits: float (n, classes), of rows that the model was not trained on and is not tested on.
        truth: the number of the true class of each row, int (n,).
    """
    rows, doubt = np.arange(len(truth)), 1 / (len(truth) + 2)
    logits = logits.astype(np.float64)

    def log_loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature), axis=1)
        true = log_probabilities[rows, truth]
        others = (log_probabilities.sum(axis=1) - true) / (logits.shape[1] - 1)
        return -float(np.mean((1 - doubt) * true + doubt * others))

    found = minimize_scalar(log_loss, bounds=np.log(TEMPERATURES), method="bounded")
    return round(float(np.exp(found.x)), DECIMALS)


def reliability_table(truth: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Return accuracy against confidence in each bin of confidence that has rows.

    `perfectly_calibrated` is the diagonal, where accuracy is what confidence says.
    """
    bins = pd.DataFrame(confidence_bins(truth, probabilities))
    return bins[bins["n"] > 0].assign(perfectly_calibrated=bins["confidence"])

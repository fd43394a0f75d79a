"""Make a classifier's probabilities mean what they say, by one number that goes into its logits."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from stages.common.scores import confidence_bins

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

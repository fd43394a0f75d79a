"""Turn a classifier's logits into what it says of rows: probabilities that can be believed, and decisions."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from scoring.calibration import fit_temperature
from scoring.judges import Judge, LabelSets
from scoring.multilabel import as_questions
from scoring.thresholds import fit_thresholds


@dataclass(frozen=True)
class Calibrated:
    """What was fitted on rows that the classifier was not trained on and is not tested on."""

    temperature: float  # logits are divided by it
    thresholds: np.ndarray | None  # of the labels, float (classes,), where a row may have several

    def judge(self, logits: np.ndarray) -> Judge:
        """Return what logits, float (rows, classes), say of their rows."""
        logits = logits / self.temperature
        if self.thresholds is None:
            return softmax(logits, axis=1)
        probabilities = expit(logits)
        return LabelSets(probabilities, probabilities >= self.thresholds)


def calibrate(logits: np.ndarray, truth: np.ndarray) -> Calibrated:
    """Fit the temperature and, where rows may have several labels, the thresholds; for `truth` see scoring/judges.py.

    Without thresholds a rare label would hardly ever be given: few texts are more likely than not to have it.
    """
    if truth.ndim == 1:
        return Calibrated(fit_temperature(logits, truth), None)
    logits = logits.astype(np.float64)
    answers, pairs = as_questions(truth, np.zeros_like(logits), logits)
    temperature = fit_temperature(pairs, answers)
    return Calibrated(temperature, fit_thresholds(truth, expit(logits / temperature)))

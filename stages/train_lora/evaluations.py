"""Judge the model on the validation split while it is trained, and say which evaluation is the best."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax
from sklearn.metrics import f1_score
from transformers import EvalPrediction, TrainerState

from scoring.judges import right
from scoring.thresholds import fit_thresholds
from stages.common.class_weights import row_weights

VALIDATION_COLUMNS = {  # the Trainer's names, and ours
    "step": "step",
    "epoch": "epoch",
    "eval_log_loss": "loss",
    "eval_accuracy": "accuracy",
    "eval_f1_macro": "f1_macro",
}
BEST = {"validation_loss": "eval_log_loss", "f1_macro": "eval_f1_macro"}  # values of train.best_metric
HIGHER_IS_BETTER = {"f1_macro"}


class ValidationMetrics:
    """Judge an evaluation, and keep its logits, float32 (n, classes): often the last evaluation's are those to save.

    The log loss weighs the classes as training does, by `weights`, see `class_weights`: the best evaluation is then
    the best at what is trained for. It counts every row once, whatever the batch size and the number of processes; the
    Trainer's own eval_loss counts a last batch that is not full as if it were.
    """

    logits: np.ndarray | None = None

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        self.logits = prediction.predictions
        logits, truth = self.logits.astype(np.float64), prediction.label_ids
        if truth.ndim == 2:
            truth = truth.astype(bool)
            losses, present = -log_expit(np.where(truth, logits, -logits)), np.flatnonzero(truth.any(axis=0))
        else:
            losses, present = -log_softmax(logits, axis=1)[np.arange(len(truth)), truth], np.unique(truth)
        decided = decide(logits, truth)
        f1 = f1_score(truth, decided, labels=present, average="macro", zero_division=0)
        return {
            "log_loss": float(np.average(losses, weights=row_weights(self.weights, truth))),
            "accuracy": float(right(truth, decided).mean()),
            "f1_macro": float(f1),  # over the classes that have a row, as in scoring/scores.py
        }


def decide(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the class of each row, int (rows,); where `truth` says that rows may have several labels, which they are
    given, bool (rows, classes), by the thresholds that suit these rows."""
    if truth.ndim == 1:
        return logits.argmax(axis=1)
    probabilities = expit(logits)
    return probabilities >= fit_thresholds(truth, probabilities)


def best_evaluation(state: TrainerState, metric: str) -> dict[str, float]:
    """Return the first of the best evaluations by `train.best_metric`: that of the adapter which is kept."""
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    evaluations = (entry for entry in state.log_history if "eval_log_loss" in entry)
    return min(evaluations, key=lambda entry: sign * entry[BEST[metric]])

"""Judge the model on the validation split while it is trained, and say which evaluation is the best."""

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import f1_score
from transformers import EvalPrediction, TrainerState

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

    The log loss weighs the classes as training does, by `weights`, float (classes,): the best evaluation is then the
    best at what is trained for. It counts every row once, whatever the batch size and the number of processes; the
    Trainer's own eval_loss counts a last batch that is not full as if it were.
    """

    logits: np.ndarray | None = None

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        self.logits = prediction.predictions
        classes = self.logits.argmax(axis=1)
        log_probabilities = log_softmax(self.logits.astype(np.float64), axis=1)
        losses = -log_probabilities[np.arange(len(classes)), prediction.label_ids]
        return {
            "log_loss": float(np.average(losses, weights=self.weights[prediction.label_ids])),
            "accuracy": float((classes == prediction.label_ids).mean()),
            "f1_macro": float(
                f1_score(
                    prediction.label_ids,
                    classes,
                    labels=np.unique(prediction.label_ids),
                    average="macro",
                    zero_division=0,
                )
            ),  # over the classes that have a row, as in scoring/scores.py
            "predicted_classes": float(len(np.unique(classes))),
        }


def best_evaluation(state: TrainerState, metric: str) -> dict[str, float]:
    """Return the first of the best evaluations by `train.best_metric`: that of the adapter which is kept."""
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    evaluations = (entry for entry in state.log_history if "eval_log_loss" in entry)
    return min(evaluations, key=lambda entry: sign * entry[BEST[metric]])

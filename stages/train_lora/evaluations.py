"""Judge the model on the validation split while it is trained."""

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import f1_score
from transformers import (
    EvalPrediction,
    TrainerState,
)

VALIDATION_COLUMNS = {  # the Trainer's names, and ours
    "step": "step",
    "epoch": "epoch",
    "eval_log_loss": "loss",
    "eval_accuracy": "accuracy",
    "eval_f1_macro": "f1_macro",
}


class ValidationMetrics:
    """Judge an evaluation, and hold on to its logits, float32 (n, classes): the last one's are often wanted again.

    The Trainer's own eval_loss counts a last batch that is not full as if it were: this log loss counts every row once,
    whatever the batch size and the number of processes.
    """

    logits: np.ndarray | None = None

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        self.logits = prediction.predictions
        classes = self.logits.argmax(axis=1)
        log_probabilities = log_softmax(self.logits.astype(np.float64), axis=1)
        return {
            "log_loss": -float(log_probabilities[np.arange(len(classes)), prediction.label_ids].mean()),
            "accuracy": float((classes == prediction.label_ids).mean()),
            "f1_macro": float(f1_score(prediction.label_ids, classes, average="macro")),
            "predicted_classes": float(len(np.unique(classes))),
        }


def best_evaluation(state: TrainerState) -> dict[str, float]:
    """Return the first evaluation of the lowest validation loss: that of the adapter which is kept."""
    return min(
        (entry for entry in state.log_history if "eval_log_loss" in entry), key=lambda entry: entry["eval_log_loss"]
    )

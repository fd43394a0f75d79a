"""The scores of a classifier."""

import numpy as np
from sklearn import metrics

from scoring.calibration import expected_calibration_error
from scoring.judges import Judge, LabelSets, has_class
from scoring.multilabel import label_set_scores

TOP_K = (3, 5)  # each is a score where there are more classes than that


def judge_scores(truth: np.ndarray, judge: Judge) -> dict[str, float]:
    """Return the scores of a judge, see scoring/judges.py."""
    return label_set_scores(truth, judge) if isinstance(judge, LabelSets) else classification_scores(truth, judge)


def classification_scores(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return the scores of class probabilities, float (n, classes), against true class numbers, int (n,).

    With two classes precision, recall and f1 are those of the second one, the positive class; with more they are
    macro averages, and micro and weighted ones stand beside them. A macro average is over the classes that have a row
    in the truth: of the others nothing is known, and a perfect model scores 1. roc_auc is one against the rest, the
    mean over the classes that occur; where fewer than two do, it is left out. The Brier score of two classes is the
    mean square of the positive one's error, that of more the sum over classes.
    """
    classes, present = np.arange(probabilities.shape[1]), np.unique(truth)
    chosen = probabilities.argmax(axis=1)
    scores = {
        "accuracy": metrics.accuracy_score(truth, chosen),
        "f1_macro": metrics.f1_score(truth, chosen, labels=present, average="macro", zero_division=0),
        "mcc": metrics.matthews_corrcoef(truth, chosen) if len({*truth, *chosen}) > 1 else 0.0,
        "log_loss": metrics.log_loss(truth, probabilities, labels=classes),
        "brier": metrics.brier_score_loss(truth, probabilities, labels=classes),
        "ece": expected_calibration_error(truth, probabilities),
    }
    averages = {"": "binary"} if len(classes) == 2 else {"": "macro", "_micro": "micro", "_weighted": "weighted"}
    for suffix, average in averages.items():
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth,
            chosen,
            labels=present if average == "macro" else classes,
            average=average,
            pos_label=1,
            zero_division=0,
        )
        scores |= {f"precision{suffix}": precision, f"recall{suffix}": recall, f"f1{suffix}": f1}
    areas = [metrics.roc_auc_score(truth == k, probabilities[:, k]) for k in judged_classes(truth, len(classes))]
    if areas:
        scores["roc_auc"] = np.mean(areas)
    for k in TOP_K:
        if len(classes) > k:
            scores[f"top_{k}_accuracy"] = among_top(truth, probabilities, k).mean()
    return {name: float(value) for name, value in scores.items()}


def judged_classes(truth: np.ndarray, num_classes: int) -> list[int]:
    """Return the classes that have a ROC curve: with two, the positive one, with more, all; each must occur beside
    another."""
    classes = range(num_classes)[-1:] if num_classes == 2 and truth.ndim == 1 else range(num_classes)
    return [k for k in classes if 0 < has_class(truth, k).sum() < len(truth)]


def among_top(truth: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Say for each row whether fewer than `k` classes are more probable than the true one, bool (n,)."""
    return (probabilities > probabilities[np.arange(len(truth)), truth][:, None]).sum(axis=1) < k

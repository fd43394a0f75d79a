"""The scores of a classifier that gives a row any number of labels."""

import numpy as np
from sklearn import metrics

from scoring.calibration import expected_calibration_error
from scoring.judges import LabelSets, Scores, Sheet, ratio, right

AVERAGED = ("precision", "recall", "f1")


def as_questions(truth: np.ndarray, no: np.ndarray, yes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each label of each row as a question of its own, with the answers no (0) and yes (1): what is known of two
    classes, such as calibration, then serves here too.

    Args:
        truth: bool (rows, classes).
        no, yes: the logits or the probabilities of both answers, float (rows, classes).

    Returns:
        The answers, int (rows * classes,), and the values of both, float (rows * classes, 2).
    """
    return truth.ravel().astype(int), np.stack([no.ravel(), yes.ravel()], axis=1)


def label_set_scores(truth: np.ndarray, judge: LabelSets) -> dict[str, float]:
    """Return the scores of label sets against the true ones, bool (rows, classes).

    accuracy is the fraction of rows with exactly the true labels (subset accuracy). precision, recall and f1 are over
    all labels of all rows together (micro); those called _macro, and roc_auc, are means over the labels that a row has.
    log_loss, brier and ece are those of one label of one row, on average.
    """
    sheet = label_set_sheet(truth, judge)
    scores = {name: float(values.mean()) for name, values in sheet.means.items()}
    present = np.flatnonzero(truth.any(axis=0))
    for suffix, average, labels in (("", "micro", None), ("_macro", "macro", present)):
        found = metrics.precision_recall_fscore_support(
            truth, judge.chosen, labels=labels, average=average, zero_division=0
        )
        scores |= {f"{name}{suffix}": float(value) for name, value in zip(AVERAGED, found, strict=False)}
    questions = as_questions(truth, 1 - judge.probabilities, judge.probabilities)
    scores["ece"] = expected_calibration_error(*questions)
    if sheet.curves:
        scores["roc_auc"] = float(np.mean([metrics.roc_auc_score(*curve) for curve in sheet.curves]))
    return scores


def label_set_sheet(truth: np.ndarray, judge: LabelSets) -> Sheet:
    probabilities = judge.probabilities
    epsilon = np.finfo(probabilities.dtype).eps  # as scikit-learn clips
    true = np.clip(np.where(truth, probabilities, 1 - probabilities), epsilon, 1 - epsilon)
    return Sheet(
        num_classes=truth.shape[1],
        means={
            "accuracy": right(truth, judge.chosen),
            "log_loss": -np.log(true).mean(axis=1),
            "brier": ((probabilities - truth) ** 2).mean(axis=1),
        },
        counted=[numbers_and_rows(matrix) for matrix in (truth, judge.chosen, truth & judge.chosen)],
        curves=[
            (has, probability)
            for has, probability in zip(truth.T, probabilities.T, strict=True)
            if 0 < has.sum() < len(has)
        ],
        combine=label_scores,
    )


def numbers_and_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, numbers = np.nonzero(matrix)
    return numbers, rows


def label_scores(true: np.ndarray, chosen: np.ndarray, hits: np.ndarray, _: np.ndarray) -> Scores:
    """Return what follows from how many rows have a label, are given it, and both; each (classes, resamples)."""
    present = true > 0
    scores = {}
    for name, upper, lower in zip(AVERAGED, (hits, hits, 2 * hits), (chosen, true, true + chosen), strict=True):
        scores[name] = ratio(upper.sum(axis=0), lower.sum(axis=0))
        scores[f"{name}_macro"] = ratio((ratio(upper, lower) * present).sum(axis=0), present.sum(axis=0))
    return scores

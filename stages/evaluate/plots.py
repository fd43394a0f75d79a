"""Write the tables behind the plots of dvc.yaml."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

from scoring.calibration import reliability_table
from scoring.judges import Judge, LabelSets, decisions, has_class, probabilities
from scoring.multilabel import as_questions
from scoring.scores import judged_classes
from stages.common.outputs import write_table

CURVE_POINTS = 201  # of a curve in a plot
CURVE_CLASSES = 10  # with a column of their own in the tables of curves, at most
CONFUSION_CLASSES = 25  # with a row and a column of their own, at most
OTHERS, NONE = "(others)", "(none)"


def write_plots(
    paths: dict[str, Path], truth: np.ndarray, answers: Judge, uncalibrated: Judge, labels: list[str]
) -> None:
    """Write the tables behind the plots of dvc.yaml."""
    roc, precision_recall = curve_tables(truth, probabilities(answers), labels)
    write_table(paths["roc.csv"], roc)
    write_table(paths["precision_recall.csv"], precision_recall)
    write_table(paths["confusion.csv"], confusion_table(*confused(truth, decisions(answers), labels)))
    write_table(paths["reliability.csv"], reliability_table(*questions(truth, answers)))
    write_table(paths["reliability_uncalibrated.csv"], reliability_table(*questions(truth, uncalibrated)))


def questions(truth: np.ndarray, judge: Judge) -> tuple[np.ndarray, np.ndarray]:
    """Return what confidence is measured on: rows, or each label of each row where these may have several."""
    if isinstance(judge, LabelSets):
        return as_questions(truth, 1 - judge.probabilities, judge.probabilities)
    return truth, judge


def confused(truth: np.ndarray, decided: np.ndarray, labels: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return actual and predicted class numbers and the class names.

    Of rows with several labels, each label that is there or is given is a pair; NONE stands on the other side of one
    that was missed, or given for nothing.
    """
    if truth.ndim == 1:
        return truth, decided, labels
    rows, numbers = np.nonzero(truth | decided)
    actual, predicted = (np.where(side[rows, numbers], numbers, len(labels)) for side in (truth, decided))
    return actual, predicted, [*labels, NONE]


def curve_tables(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ROC curve, fpr and tpr, and the precision-recall curve, each at CURVE_POINTS even steps.

    With two classes they are those of the positive one. With more they are the mean over each class against the rest
    (vertical averaging: Fawcett, An introduction to ROC analysis, 2006), because DVC draws a table as one line; the
    area under the mean ROC curve is roc_auc. The most frequent classes have a column of their own, under their names.
    """
    grid = np.linspace(0, 1, CURVE_POINTS)
    judged = judged_classes(truth, len(labels))
    roc, precision = (np.empty((len(judged), CURVE_POINTS)) for _ in range(2))
    for place, number in enumerate(judged):
        positive, score = has_class(truth, number), probabilities[:, number]
        fpr, tpr, _ = metrics.roc_curve(positive, score)
        roc[place] = np.interp(grid, fpr, tpr)
        precisions, recalls, _ = metrics.precision_recall_curve(positive, score)
        precision[place] = precisions[::-1][np.searchsorted(recalls[::-1], grid)]
    frequent = np.argsort([-has_class(truth, number).sum() for number in judged], kind="stable")[:CURVE_CLASSES]
    tables = []
    for x, y, curves in (("fpr", "tpr", roc), ("recall", "precision", precision)):
        columns = {f"{y} of {labels[judged[k]]}": curves[k] for k in frequent} if len(judged) > 1 else {}
        tables.append(pd.DataFrame({x: grid, y: curves.mean(axis=0), **columns} if judged else {x: [], y: []}))
    return tables[0], tables[1]


def confusion_table(truth: np.ndarray, chosen: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return actual and predicted class of each test text, as DVC's confusion templates take them.

    Of more than CONFUSION_CLASSES, those with the most mistakes keep their names, and the rest becomes OTHERS.
    """
    names = np.asarray(labels, dtype=object)
    if len(labels) > CONFUSION_CLASSES:
        wrong = truth != chosen
        mistakes = np.bincount(np.concatenate([truth[wrong], chosen[wrong]]), minlength=len(labels))
        names[np.argsort(-mistakes, kind="stable")[CONFUSION_CLASSES - 1 :]] = OTHERS
    return pd.DataFrame({"actual": names[truth], "predicted": names[chosen]})

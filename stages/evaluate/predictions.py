"""Write the predictions of the test rows, and tables of what to look at."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

from stages.common.outputs import whole_output

CONFIDENT_MISTAKES = 100  # in their table, at most


def write_predictions(path: Path, test: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> None:
    """Write the test rows in their order with `predicted`, `correct` and the probability of each class."""
    predicted = [labels[number] for number in probabilities.argmax(axis=1)]
    columns = pd.DataFrame(probabilities, columns=[f"p_{label}" for label in labels]).round(6)
    table = pd.concat([test.assign(predicted=predicted, correct=predicted == test["label"]), columns], axis=1)
    with whole_output(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def confident_mistakes(test: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Return the wrong test rows of which the model is surest, the surest first."""
    predicted = np.asarray(labels, dtype=object)[probabilities.argmax(axis=1)]
    table = test[["origin", "label"]].assign(
        predicted=predicted, confidence=probabilities.max(axis=1), text=test["text"]
    )
    wrong = table[table["label"] != table["predicted"]]
    return wrong.sort_values("confidence", ascending=False, kind="stable").head(CONFIDENT_MISTAKES)


def class_table(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return test rows, precision, recall and f1 of each class, in the order of the classes."""
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(
        truth, probabilities.argmax(axis=1), labels=range(len(labels)), zero_division=0
    )
    return pd.DataFrame({"label": labels, "n": rows, "precision": precision, "recall": recall, "f1": f1})

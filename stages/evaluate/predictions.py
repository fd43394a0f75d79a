"""Write the predictions of the test rows, and tables of what to look at."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

from predict.spreadsheet import safe_cell
from scoring.clusters import Clusters
from scoring.judges import Judge, LabelSets, decisions, probabilities
from stages.common.label_sets import as_texts
from stages.common.outputs import whole_output
from stages.common.text_columns import text_columns

CONFIDENT_MISTAKES = 100  # in their table, at most


def write_predictions(path: Path, test: pd.DataFrame, labels: list[str], answers: Judge, clusters: Clusters) -> None:
    """Write the test rows in their order with `predicted`, `correct`, `cluster` and `p_LABEL` for each class.

    `cluster` numbers the rows that were resampled together. One of the user's columns that has such a name gets an
    underscore, as prepare-data does it, and the screen says so.
    """
    predicted = as_texts(decisions(answers), labels)
    added = pd.DataFrame({"predicted": predicted, "correct": predicted == test["label"], "cluster": clusters.of_row})
    added = pd.concat(
        [added, pd.DataFrame(probabilities(answers), columns=[f"p_{label}" for label in labels]).round(6)], axis=1
    )
    renamed = {}
    for column in test.columns.intersection(added.columns):
        renamed[column] = f"{column}_"
        while renamed[column] in {*test.columns, *added.columns}:
            renamed[column] += "_"
        print(f"{path.name}: column {column} of the data is called {renamed[column]}: evaluate has its own", flush=True)
    with whole_output(path) as partial:
        pd.concat([test.rename(columns=renamed), added], axis=1).to_csv(partial, index=False, lineterminator="\n")


def confident_mistakes(test: pd.DataFrame, labels: list[str], truth: np.ndarray, answers: Judge) -> pd.DataFrame:
    """Return the wrong test rows of which the model is surest, the surest first.

    Of several labels a row, it is how sure the model is of the worst mistake among them.
    """
    table = test[["origin", "label"]].assign(
        predicted=as_texts(decisions(answers), labels),
        confidence=confidence(truth, answers),
        **test[text_columns(test)],
    )
    wrong = table[table["label"] != table["predicted"]]
    return wrong.sort_values("confidence", ascending=False, kind="stable").head(CONFIDENT_MISTAKES)


def confidence(truth: np.ndarray, answers: Judge) -> np.ndarray:
    if not isinstance(answers, LabelSets):
        return answers.max(axis=1)
    sure = np.where(answers.chosen, answers.probabilities, 1 - answers.probabilities)
    return np.where(answers.chosen != truth, sure, 0).max(axis=1)


def class_table(truth: np.ndarray, answers: Judge, labels: list[str]) -> pd.DataFrame:
    """Return test rows, precision, recall and f1 of each class, in the order of the classes."""
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(
        truth, decisions(answers), labels=range(len(labels)), zero_division=0
    )
    return pd.DataFrame({"label": labels, "n": rows, "precision": precision, "recall": recall, "f1": f1})


def for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table to be opened in a spreadsheet, which takes none of its cells or headers for a formula."""
    safe = table.map(lambda value: safe_cell(value) if isinstance(value, str) else value)
    return safe.rename(columns=lambda name: safe_cell(str(name)))

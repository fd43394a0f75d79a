"""Find rows whose label is likely wrong."""

import warnings

import numpy as np
import pandas as pd

from stages.common.label_sets import as_texts
from stages.common.text_columns import text_columns
from stages.evaluate.inputs import Rows

HALF = 0.5  # a label more probable than not is suggested


def suspects(rows: Rows, train: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    """Return the rows of the train and the test split whose label is likely wrong, from the probabilities of each."""
    found = {
        split: label_errors(rows.splits[split], rows.truths[split], probabilities, rows.labels)
        for split, probabilities in (("train", train), ("test", test))
    }
    return pd.concat(found, names=["split"]).reset_index("split")


def label_errors(rows: pd.DataFrame, truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the rows whose label is likely wrong, the likeliest first.

    They are found by confident learning (Northcutt et al. 2021) from probabilities of a model that was not trained on
    these rows, float (n, classes); `score` is the probability of the label that they have. With several labels a row,
    it is the least probability that one of the row's labels is there, or one of the others is not.
    """
    from cleanlab.filter import find_label_issues  # takes a second

    if truth.ndim == 2:
        return set_errors(rows, truth, probabilities, labels)
    with warnings.catch_warnings(action="ignore"):  # a class of one row is no fault
        found = find_label_issues(truth, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    suggested = np.asarray(labels, dtype=object)[probabilities[found].argmax(axis=1)]
    return table_of(rows.iloc[found], suggested, probabilities[found, truth[found]])


def set_errors(rows: pd.DataFrame, truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Do the same for rows with several labels, bool (n, classes): those of which any label is likely wrong."""
    from cleanlab.multilabel_classification.filter import find_label_issues

    sets = [np.flatnonzero(has).tolist() for has in truth]
    with warnings.catch_warnings(action="ignore"):
        wrong = find_label_issues(sets, probabilities, n_jobs=1)
    score = np.where(truth, probabilities, 1 - probabilities).min(axis=1)
    found = np.flatnonzero(wrong)
    found = found[np.argsort(score[found], kind="stable")]
    suggested = as_texts(probabilities[found] > HALF, labels)
    return table_of(rows.iloc[found], suggested, score[found])


def table_of(rows: pd.DataFrame, suggested: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    return rows[["row_id", "origin", "label"]].assign(suggested=suggested, score=score, **rows[text_columns(rows)])

"""Find rows whose label is likely wrong."""

import warnings

import numpy as np
import pandas as pd

from stages.common.text_columns import text_columns
from stages.evaluate.inputs import Rows


def suspects(rows: Rows, train: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    """Return the rows of the train and the test split whose label is likely wrong, from the probabilities of each."""
    found = {
        split: label_errors(rows.splits[split], rows.numbers[split], probabilities, rows.labels)
        for split, probabilities in (("train", train), ("test", test))
    }
    return pd.concat(found, names=["split"]).reset_index("split")


def label_errors(rows: pd.DataFrame, truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the rows whose label is likely wrong, the likeliest first.

    They are found by confident learning (Northcutt et al. 2021) from probabilities of a model that was not trained on
    these rows, float (n, classes); `score` is the probability of the label that they have.
    """
    from cleanlab.filter import find_label_issues  # takes a second

    with warnings.catch_warnings(action="ignore"):  # a class of one row is no fault
        found = find_label_issues(truth, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    suggested = np.asarray(labels, dtype=object)[probabilities[found].argmax(axis=1)]
    return rows.iloc[found][["row_id", "origin", "label"]].assign(
        suggested=suggested, score=probabilities[found, truth[found]], **rows[text_columns(rows)].iloc[found]
    )

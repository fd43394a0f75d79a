"""Several labels a row: a column of a table holds their names as one text, in the order of the classes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

JOINT = "|"  # between two names: prepare-data refuses names with it


def names_of(text: str) -> list[str]:
    return text.split(JOINT) if text else []


def each_label(column: pd.Series) -> pd.Series:
    """Return every label of every row under the row's index, which is there as often as the row has labels."""
    labels = column.str.split(JOINT, regex=False).explode()
    return labels[labels != ""]


def as_matrix(column: pd.Series, labels: Sequence[str]) -> np.ndarray:
    """Return whether each row has each label, bool (rows, classes)."""
    return column.str.get_dummies(JOINT).reindex(columns=list(labels), fill_value=0).to_numpy(dtype=bool)


def as_texts(decided: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return the labels of each row as a table has them, texts (rows,), of the number of its class, int (rows,), or of
    whether it has each, bool (rows, classes)."""
    names = np.asarray(labels, dtype=object)
    if decided.ndim == 1:
        return names[decided]
    return np.array([JOINT.join(names[row]) for row in decided], dtype=object)

"""Cut the test split into slices: by length, truncation, label and the user's columns."""

import sys

import numpy as np
import pandas as pd
from datasets import Dataset

from scoring.clusters import Clusters
from scoring.slices import SLICE_ROWS, column_slices, judge_slices, label_slices, large_enough, quartiles, values
from stages.common.errors import UserError
from stages.common.params import EvaluateParams
from stages.common.splits import is_multi_label, label_names, true_labels
from stages.common.text_columns import TEXT_COLUMNS

NOT_A_SLICE = (
    *TEXT_COLUMNS,
    "label",
    "origin",
    "row_id",
    "group",
)  # columns of the prepared data that are not the user's own


def check_columns(columns: list[str], rows: pd.DataFrame) -> None:
    """Raise a UserError for a column of `evaluate.slices` that the data does not have."""
    available = [column for column in rows.columns if column not in NOT_A_SLICE]
    for column in columns:
        if column not in available:
            names = f"the columns are {', '.join(available)}" if available else "there are none but text and label"
            raise UserError(f"evaluate.slices: the data has no column {column!r} to slice by: {names}")


def slice_table(
    rows: pd.DataFrame, tokens: Dataset, correct: np.ndarray, clusters: Clusters, params: EvaluateParams
) -> pd.DataFrame:
    """Judge the slices by length, by truncation, by true label and by the user's columns.

    Args:
        rows: the test split, with a column `label`.
        tokens: the same rows tokenized, see splits.py.
        correct: whether the model was right, bool (n,).

    Returns:
        A row for each slice, see `judge_slices`.
    """
    num_kept = "num_kept" if "num_kept" in tokens.column_names else "length"
    num_tokens, kept = (np.asarray(tokens[column]) for column in ("num_tokens", num_kept))
    members = large_enough(quartiles("tokens", pd.Series(num_tokens)))
    members |= large_enough(values("truncated", pd.Series(np.where(kept < num_tokens, "yes", "no"))))
    if "label" in tokens.features and is_multi_label(tokens):
        members |= large_enough(label_slices(true_labels(tokens), label_names(tokens)))
    else:
        members |= large_enough(values("label", rows["label"]))
    for column in params.slices:
        found = large_enough(column_slices(column, rows[column].reset_index(drop=True)))
        members |= found
        if not found:
            print(f"evaluate.slices: no part of {column} has {SLICE_ROWS} rows, and others beside it", file=sys.stderr)
    return judge_slices(members, correct, clusters, params.resamples, params.seed)

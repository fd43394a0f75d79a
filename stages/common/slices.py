"""Look at a classifier's accuracy in parts of the test split, and say which are worse than the rest beyond chance."""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
from datasets import Dataset
from scipy.stats import binomtest, fisher_exact

from stages.common.errors import UserError

SLICE_ROWS = 20  # fewer say too little to be looked at
SLICE_VALUES = 20  # slices of a column, at most: those of its most frequent values
SIGNIFICANCE = 0.05  # chance that any slice at all is called worse where none is
NOT_A_SLICE = ("text", "label", "origin")  # columns of the prepared data that are not the user's own


def check_columns(columns: list[str], rows: pd.DataFrame) -> None:
    """Raise a UserError for a column of `evaluate.slices` that the data does not have."""
    available = [column for column in rows.columns if column not in NOT_A_SLICE]
    for column in columns:
        if column not in available:
            names = f"the columns are {', '.join(available)}" if available else "there are none but text and label"
            raise UserError(f"evaluate.slices: the data has no column {column!r} to slice by: {names}")


def slice_table(rows: pd.DataFrame, tokens: Dataset, correct: np.ndarray, columns: list[str]) -> pd.DataFrame:
    """Judge the slices by length, by truncation, by true label and by the user's columns.

    Args:
        rows: the test split, with a column `label`.
        tokens: the same rows tokenized, with columns num_tokens and length, see tokens.py.
        correct: whether the model was right, bool (n,).
        columns: names of columns of `rows`.

    Returns:
        A row for each slice, see `judge_slices`.
    """
    num_tokens, kept = (np.asarray(tokens[column]) for column in ("num_tokens", "length"))
    members = large_enough(quartiles("tokens", pd.Series(num_tokens)))
    members |= large_enough(values("truncated", pd.Series(np.where(kept < num_tokens, "yes", "no"))))
    members |= large_enough(values("label", rows["label"]))
    for column in columns:
        found = large_enough(column_slices(column, rows[column].reset_index(drop=True)))
        members |= found
        if not found:
            print(f"evaluate.slices: no part of {column} has {SLICE_ROWS} rows, and others beside it", file=sys.stderr)
    return judge_slices(members, correct)


def large_enough(slices: Iterator[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: inside for name, inside in slices if SLICE_ROWS <= inside.sum() < len(inside)}


def column_slices(name: str, column: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the slices of a column: quartiles if it holds many different numbers, else its values."""
    texts = column.astype(str)
    given = column.notna() & (texts.str.strip() != "")
    numbers = pd.to_numeric(texts, errors="coerce")  # of a CSV file, prepare-data leaves strings
    if np.isfinite(numbers[given]).all() and numbers.nunique() > SLICE_VALUES:
        yield from quartiles(name, numbers)
        yield f"{name}=(missing)", (~given).to_numpy()
    else:
        yield from values(name, texts.where(given, "(missing)"))


def quartiles(name: str, numbers: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    quarter = pd.qcut(numbers, 4, labels=False, duplicates="drop")
    for number in sorted(quarter.dropna().unique()):
        inside = (quarter == number).to_numpy()
        yield f"{name} q{number + 1:.0f} ({numbers[inside].min():g} to {numbers[inside].max():g})", inside


def values(name: str, column: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    for value in column.value_counts().index[:SLICE_VALUES]:
        yield f"{name}={value}", (column == value).to_numpy()


def judge_slices(members: dict[str, np.ndarray], correct: np.ndarray) -> pd.DataFrame:
    """Return n, accuracy, its 95 % interval and whether it is worse than the rest, for each slice, bool (n,).

    The interval is Wilson's. p_value is that of Fisher's exact test, one-sided, of the slice against all other rows;
    p_holm is corrected for the number of slices (Holm 1979), and `worse` says that it is below SIGNIFICANCE.
    """
    found = []
    for name, inside in members.items():
        right, others_right = int(correct[inside].sum()), int(correct[~inside].sum())
        n, others = int(inside.sum()), int((~inside).sum())
        interval = binomtest(right, n).proportion_ci(method="wilson")
        p_value = fisher_exact([[right, n - right], [others_right, others - others_right]], alternative="less").pvalue
        found.append((name, n, right / n, interval.low, interval.high, p_value))
    table = pd.DataFrame(found, columns=["slice", "n", "accuracy", "low", "high", "p_value"])
    p_holm = holm(table["p_value"].to_numpy())
    return table.assign(p_holm=p_holm, worse=p_holm < SIGNIFICANCE)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected by Holm's step-down method, float (slices,)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected

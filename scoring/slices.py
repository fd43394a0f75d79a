"""Look at a classifier's accuracy in parts of the test split, and say which are worse than the rest beyond chance."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest, fisher_exact, t

from scoring.clusters import Clusters
from scoring.comparisons import holm
from scoring.intervals import percentiles, standard_error
from scoring.resampling import resampled_means

SLICE_ROWS = 20  # fewer say too little to be looked at
SLICE_VALUES = 20  # slices of a column, at most: those of its most frequent values
SIGNIFICANCE = 0.05  # chance that any slice at all is called worse where none is


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


def label_slices(truth: np.ndarray, labels: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the rows that have each of the most frequent labels, of rows that may have several, bool (n, classes)."""
    for number in np.argsort(-truth.sum(axis=0), kind="stable")[:SLICE_VALUES]:
        yield f"label={labels[number]}", truth[:, number]


def judge_slices(
    members: dict[str, np.ndarray], correct: np.ndarray, clusters: Clusters, resamples: int, seed: int
) -> pd.DataFrame:
    """Return n, accuracy, its 95 % interval and whether it is worse than the rest, for each slice, bool (n,).

    The interval spans Wilson's and that of the bootstrap. p_value, one-sided, of the slice against all other rows, is
    the larger of two: that of Fisher's exact test, and that of Student's t with the bootstrap's standard error; so
    neither few rows nor clusters are forgotten. p_holm is corrected for the number of slices (Holm 1979), and `worse`
    says that it is below SIGNIFICANCE.
    """
    parts = [part for inside in members.values() for part in (inside, ~inside)]
    sampled = resampled_means(correct, np.stack(parts), clusters, resamples, seed) if parts else np.empty((0, 0))
    found = []
    for (name, inside), own, rest in zip(members.items(), sampled[0::2], sampled[1::2], strict=True):
        right, others_right = int(correct[inside].sum()), int(correct[~inside].sum())
        n, others = int(inside.sum()), int((~inside).sum())
        wilson = binomtest(right, n).proportion_ci(method="wilson")
        low, high = percentiles(own, clusters)
        exact = fisher_exact([[right, n - right], [others_right, others - others_right]], alternative="less").pvalue
        error = standard_error(own - rest, clusters)
        student = t.cdf((right / n - others_right / others) / error, clusters.degrees) if error else 0.0
        found.append((name, n, right / n, min(wilson.low, low), max(wilson.high, high), max(exact, student)))
    table = pd.DataFrame(found, columns=["slice", "n", "accuracy", "low", "high", "p_value"])
    p_holm = holm(table["p_value"].tolist())
    return table.assign(p_holm=p_holm, worse=p_holm < SIGNIFICANCE)

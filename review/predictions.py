"""Predictions of two revisions, and the rows that both judged."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from review.errors import Unavailable
from review.exported import judge_rows
from review.revisions import Revision

if TYPE_CHECKING:
    from predict.classifier import Classifier

PREFIX = "p_"  # of a column with the probability of a class
CLUSTER = "cluster"  # numbers the rows that are resampled together
FILE = "predictions.csv"
FAILURES = "behaviour_failures.csv"


@dataclass(frozen=True)
class Predictions:
    """The test rows of a revision and what its model said of them."""

    rows: pd.DataFrame  # text, label, origin, the user's columns, all strings; row_id and group, if they are there
    labels: list[str]
    probabilities: np.ndarray  # float (n, classes)

    @cached_property
    def truth(self) -> np.ndarray:
        """Return the number of each row's class, int (n,)."""
        return self.rows["label"].map({label: number for number, label in enumerate(self.labels)}).to_numpy()

    @cached_property
    def chosen(self) -> np.ndarray:
        return self.probabilities.argmax(axis=1)

    def at(self, places: np.ndarray) -> "Predictions":
        return Predictions(self.rows.iloc[places].reset_index(drop=True), self.labels, self.probabilities[places])


def read_predictions(revision: Revision, folder: Path) -> Predictions:
    """Return a revision's predictions.

    Raises:
        Unavailable: when they can't be had.
    """
    path = revision.fetch("evaluation", FILE, folder)
    header = list(pd.read_csv(path, nrows=0).columns)
    behind = header[header.index("correct") + 1 :]
    classes = [name for name in behind if name != CLUSTER]
    own = [name for name in header if name not in classes]
    kinds = {**dict.fromkeys(own, "str"), **dict.fromkeys(classes, "float64")}
    table = pd.read_csv(path, dtype=kinds, keep_default_na=False)
    labels = [name.removeprefix(PREFIX) for name in classes]
    probabilities = table[classes].to_numpy()  # rounded in the file, so that they sum to nearly one
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(table[own].drop(columns=["predicted", "correct"]), labels, probabilities)


@dataclass(frozen=True)
class Pairs:
    """Rows that both models judged, in one order; labels and columns are the head's."""

    base: Predictions
    head: Predictions
    only_base: np.ndarray  # places of the base's other rows
    only_head: np.ndarray  # places of the head's other rows
    relabelled: int  # of the rows that both judged

    def __len__(self) -> int:
        return len(self.head.rows)


def pair(base: Predictions, head: Predictions) -> Pairs:
    """Match rows by what they are, wherever they stand; both must know the same labels."""
    key = "row_id" if "row_id" in base.rows and "row_id" in head.rows else "text"
    known = pd.Series(np.arange(len(base.rows)), index=base.rows[key].to_numpy())
    known = known[~known.index.duplicated()]
    places = known.reindex(head.rows[key].to_numpy())
    both = (places.notna() & ~head.rows[key].duplicated().to_numpy()).to_numpy()
    matched = places[both].to_numpy().astype(int)
    relabelled = int((base.rows["label"].to_numpy()[matched] != head.rows["label"].to_numpy()[both]).sum())
    order = [base.labels.index(label) for label in head.labels]
    theirs = Predictions(head.rows[both].reset_index(drop=True), head.labels, base.probabilities[matched][:, order])
    only_base = np.setdiff1d(np.arange(len(base.rows)), matched)
    return Pairs(theirs, head.at(np.flatnonzero(both)), only_base, np.flatnonzero(~both), relabelled)


def with_new_rows(pairs: Pairs, head: Predictions, new: np.ndarray, model: "Classifier") -> Pairs:
    """Return the pairs with the head's rows at `new` added, which the base's exported model judges here."""
    if set(model.labels) != set(head.labels):
        raise Unavailable(f"the base's exported model knows other labels: {', '.join(model.labels)}")
    added = head.at(new)
    answers = judge_rows(model, added.rows).astype(float)
    judged = answers[:, [model.labels.index(label) for label in head.labels]]
    judged /= judged.sum(axis=1, keepdims=True)
    rows = pd.concat([pairs.head.rows, added.rows], ignore_index=True)
    sides = [
        Predictions(rows, head.labels, np.concatenate([known.probabilities, more]))
        for known, more in ((pairs.base, judged), (pairs.head, added.probabilities))
    ]
    return Pairs(sides[0], sides[1], pairs.only_base, np.setdiff1d(pairs.only_head, new), pairs.relabelled)


def read_failures(revision: Revision, folder: Path) -> pd.DataFrame | None:
    """Return the cases of the behaviour suite that fail, None where there are none or they can't be had."""
    try:
        return pd.read_csv(revision.fetch("evaluation", FAILURES, folder), dtype="str", keep_default_na=False)
    except Unavailable:
        return None

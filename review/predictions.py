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
from scoring.judges import Judge, LabelSets, decisions, one_after_the_other, probabilities, right
from stages.common.label_sets import as_matrix

if TYPE_CHECKING:
    from predict.classifier import Classifier

PREFIX = "p_"  # of a column with the probability of a class
CLUSTER = "cluster"  # numbers the rows that are resampled together
FILE = "predictions.csv"
FAILURES = "behaviour_failures.csv"
ALL = slice(None)


@dataclass(frozen=True)
class Predictions:
    """The test rows of a revision and what its model said of them; for truth and answers see scoring/judges.py."""

    rows: pd.DataFrame  # text, label, origin, the user's columns, all strings; row_id and group, if they are there
    labels: list[str]
    answers: Judge

    @property
    def multi_label(self) -> bool:
        return isinstance(self.answers, LabelSets)

    @cached_property
    def truth(self) -> np.ndarray:
        if self.multi_label:
            return as_matrix(self.rows["label"], self.labels)
        return self.rows["label"].map({label: number for number, label in enumerate(self.labels)}).to_numpy()

    @cached_property
    def chosen(self) -> np.ndarray:
        return decisions(self.answers)

    @cached_property
    def correct(self) -> np.ndarray:
        """Return which rows the model has right, with several labels in all of them, bool (n,)."""
        return right(self.truth, self.chosen)

    @property
    def probabilities(self) -> np.ndarray:
        """Return the probability of each label, float (n, classes)."""
        return probabilities(self.answers)

    def at(self, places: np.ndarray) -> "Predictions":
        rows = self.rows.iloc[places].reset_index(drop=True)
        return Predictions(rows, self.labels, part_of(self.answers, places))


def part_of(answers: Judge, rows: np.ndarray, labels: list[int] | slice = ALL) -> Judge:
    """Return what a judge says of some rows, its labels in another order."""
    if isinstance(answers, LabelSets):
        return LabelSets(answers.probabilities[rows][:, labels], answers.chosen[rows][:, labels])
    return answers[rows][:, labels]


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
    rows, found = table[own].drop(columns=["predicted", "correct"]), table[classes].to_numpy()
    if revision.params.get("data", {}).get("multi_label"):
        return Predictions(rows, labels, LabelSets(found, as_matrix(table["predicted"], labels)))
    return Predictions(rows, labels, found / found.sum(axis=1, keepdims=True))  # rounded in the file


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
    theirs = Predictions(head.rows[both].reset_index(drop=True), head.labels, part_of(base.answers, matched, order))
    only_base = np.setdiff1d(np.arange(len(base.rows)), matched)
    return Pairs(theirs, head.at(np.flatnonzero(both)), only_base, np.flatnonzero(~both), relabelled)


def with_new_rows(pairs: Pairs, head: Predictions, new: np.ndarray, model: "Classifier") -> Pairs:
    """Return the pairs with the head's rows at `new` added, which the base's exported model judges here."""
    if set(model.labels) != set(head.labels):
        raise Unavailable(f"the base's exported model knows other labels: {', '.join(model.labels)}")
    added = head.at(new)
    order = [model.labels.index(label) for label in head.labels]
    found = judge_rows(model, added.rows).astype(float)[:, order]
    judged: Judge = found / found.sum(axis=1, keepdims=True)
    if model.thresholds is not None:
        judged = LabelSets(found, found >= model.thresholds[order])
    rows = pd.concat([pairs.head.rows, added.rows], ignore_index=True)
    sides = [
        Predictions(rows, head.labels, one_after_the_other(known.answers, more))
        for known, more in ((pairs.base, judged), (pairs.head, added.answers))
    ]
    return Pairs(sides[0], sides[1], pairs.only_base, np.setdiff1d(pairs.only_head, new), pairs.relabelled)


def read_failures(revision: Revision, folder: Path) -> pd.DataFrame | None:
    """Return the cases of the behaviour suite that fail, None where there are none or they can't be had."""
    try:
        return pd.read_csv(revision.fetch("evaluation", FAILURES, folder), dtype="str", keep_default_na=False)
    except Unavailable:
        return None

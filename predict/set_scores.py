"""Score predictions of any number of labels a row, from how many rows have each label, are given it, and both.

Wilson's intervals take the rows for independent, as in predict/scores.py; F1 has none, for which the counts don't do.
"""

from typing import Any

import numpy as np

from predict.classifier import Classifier
from predict.label_lists import labels_in
from predict.scores import Tally, as_label, f1_of, heading, label_scores, label_table, with_interval


def make_tally(classifier: Classifier, column: str | None, state: dict[str, Any]) -> Tally:
    """Return the tally of a run, which goes on from a state."""
    kind = Tally if classifier.thresholds is None else SetTally
    return kind(classifier, column, state)


class SetTally(Tally):
    """What a run has counted of rows with any number of labels.

    Attributes:
        counts: rows that have each label, are given it, and both, int64 (3, labels).
        right: rows that are given exactly their labels.
    """

    def start(self, state: dict[str, Any]) -> None:
        self.scored, self.right = state.get("scored", 0), state.get("right", 0)
        empty = np.zeros((3, len(self.labels)), dtype=np.int64)
        self.counts = np.array(state["counts"]) if "counts" in state else empty

    def count(self, value: Any, answers: list[tuple[str, float]]) -> bool:
        found = labels_in(value, self.separator)
        names = {as_label(label) for label in found or []}
        if found is None or not names <= set(self.numbers):
            return False
        true = {self.numbers[name] for name in names}
        given = {self.numbers[label] for label, _ in answers}
        for counts, numbers in zip(self.counts, (true, given, true & given), strict=True):
            counts[list(numbers)] += 1
        self.scored += 1
        self.right += true == given
        return True

    def counted(self) -> dict[str, Any]:
        return {"scored": self.scored, "right": self.right, "counts": self.counts.tolist()}

    def scores(self) -> dict[str, Any]:
        """Return the scores, those of the pipeline's scoring by the same names. One without rows is None."""
        if not self.scored:
            return {"scored": 0}
        true, chosen, hits = self.counts
        (all_true, all_chosen, all_hits), present = self.counts.sum(axis=1), true > 0
        return {
            "scored": self.scored,
            **with_interval("accuracy", self.right, self.scored),
            "f1": float(f1_of(all_hits, all_true, all_chosen)),
            "f1_macro": float(f1_of(hits, true, chosen)[present].mean()) if present.any() else None,
            "labels": label_scores(self.labels, true, chosen, hits),
        }

    def text(self, scores: dict[str, Any]) -> str:
        """Return what a person reads."""
        lines = [heading(self, scores)]
        if scores["scored"]:
            low, high = scores["accuracy_ci95_low"], scores["accuracy_ci95_high"]
            lines += [f"all labels right  {scores['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})"]
            macro = f", macro F1  {scores['f1_macro']:.4f}" if scores["f1_macro"] is not None else ""
            lines += [f"F1 over all labels  {scores['f1']:.4f}{macro}", "", *label_table(scores["labels"])]
        return "\n".join(lines)

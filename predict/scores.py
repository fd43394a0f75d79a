"""Score the predictions of a labelled file, from how many rows of each label were given each.

The intervals take the rows for independent; where rows belong together they are too narrow (`metrics/evaluate.json` of
the pipeline allows for that).
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from predict.rows import Row

if TYPE_CHECKING:
    from predict.classifier import Classifier

RESAMPLES = 2000
Z = 1.959963984540054  # the normal distribution's 97.5 % quantile
SHOWN_LABELS = 20  # more make no table that can be read


class Tally:
    """What a run has counted.

    Attributes:
        rows, bad: rows, and those with an error.
        confusion: rows by true label and by the predicted one, int64 (labels, labels).
        other_labels: rows whose true label is none of the model's.
        example: of such a row, its place and label.
    """

    def __init__(self, classifier: "Classifier", column: str | None, state: dict[str, Any]) -> None:
        self.labels, self.column, self.separator = classifier.labels, column, classifier.label_separator
        self.numbers = {label: number for number, label in enumerate(self.labels)}
        self.numbers = {value: self.numbers[label] for value, label in classifier.label_values.items()} | self.numbers
        self.rows, self.bad = state.get("rows", 0), state.get("bad", 0)
        self.other_labels, self.example = state.get("other_labels", 0), state.get("example", "")
        self.start(state)

    def start(self, state: dict[str, Any]) -> None:
        empty = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)
        self.confusion = np.array(state["confusion"]) if "confusion" in state else empty

    def add(self, rows: list[Row]) -> None:
        self.rows += len(rows)
        self.bad += sum(bool(row.error) for row in rows)
        for row in rows:
            if row.error or self.column is None:
                continue
            value = row.fields.get(self.column)
            if not self.count(value, row.answers):
                self.other_labels += 1
                self.example = self.example or f"{row.place}: {value!r}"[:100]

    def count(self, value: Any, answers: list[tuple[str, float]]) -> bool:
        """Count a row by its true label and its answers; say whether the label is one of the model's."""
        number = self.numbers.get(as_label(value))
        if number is not None:
            self.confusion[number, self.numbers[answers[0][0]]] += 1
        return number is not None

    def state(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it."""
        names = ("rows", "bad", "other_labels", "example")
        return {**{name: getattr(self, name) for name in names}, **self.counted()}

    def counted(self) -> dict[str, Any]:
        return {"confusion": self.confusion.tolist()}

    def scores(self) -> dict[str, Any]:
        return score(self.confusion, self.labels)

    def text(self, scores: dict[str, Any]) -> str:
        """Return what a person reads."""
        lines = [heading(self, scores)]
        if not scores["scored"]:
            return lines[0]
        for name, title in (("accuracy", "accuracy"), ("f1_macro", "macro F1")):
            low, high = scores[f"{name}_ci95_low"], scores[f"{name}_ci95_high"]
            lines.append(f"{title}  {scores[name]:.4f}  (95 % interval {low:.4f} to {high:.4f})")
        lines += ["", *label_table(scores["labels"])]
        return "\n".join([*lines, "", *confusion_lines(np.array(scores["confusion"]), self.labels)])


def as_label(value: Any) -> str:
    """Return the string for a label: 1 and 1.0 are the same, true and True."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def score(confusion: np.ndarray, labels: list[str]) -> dict[str, Any]:
    """Return the scores of a confusion, int (labels, labels): those of the pipeline's scoring by the same names.

    Accuracy, precision and recall have Wilson's intervals, macro F1 that of a percentile bootstrap within each true
    label. A score that has no rows to stand on is None.
    """
    scored, right = int(confusion.sum()), int(confusion.trace())
    if not scored:
        return {"scored": 0}
    hits, true, chosen = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    macro = bootstrap_macro_f1(confusion)
    return {
        "scored": scored,
        **with_interval("accuracy", right, scored),
        "f1_macro": float(macro_f1(confusion)),
        "f1_macro_ci95_low": float(macro[0]),
        "f1_macro_ci95_high": float(macro[1]),
        "labels": label_scores(labels, true, chosen, hits),
        "confusion": confusion.tolist(),
    }


def label_scores(labels: list[str], true: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> dict[str, Any]:
    """Return the scores of each label, from how many rows have it, are given it, and both, int (labels,) each."""
    each = f1_of(hits, true, chosen)
    return {
        label: {
            "n": int(true[number]),
            **with_interval("precision", int(hits[number]), int(chosen[number])),
            **with_interval("recall", int(hits[number]), int(true[number])),
            "f1": float(each[number]),
        }
        for number, label in enumerate(labels)
    }


def with_interval(name: str, hits: int, n: int) -> dict[str, float | None]:
    """Return a fraction and its 95 % interval (Wilson 1927)."""
    if not n:
        return {name: None, f"{name}_ci95_low": None, f"{name}_ci95_high": None}
    share = hits / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low = 0.0 if hits == 0 else middle - spread
    high = 1.0 if hits == n else middle + spread
    return {name: share, f"{name}_ci95_low": low, f"{name}_ci95_high": high}


def f1_of(hits: np.ndarray, true: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return F1 of each label, 0 where it neither stands nor is given; the last axis is that of the labels."""
    return 2 * hits / np.maximum(1, true + chosen)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the labels that have a row, for each confusion, (..., labels, labels) to (...)."""
    true, chosen = confusion.sum(axis=-1), confusion.sum(axis=-2)
    each = f1_of(np.diagonal(confusion, axis1=-2, axis2=-1), true, chosen)
    return (each * (true > 0)).sum(axis=-1) / (true > 0).sum(axis=-1)


def bootstrap_macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the 2.5 and 97.5 % quantiles of macro F1 over resamples of the rows, drawn within each true label: of a
    confusion these are multinomial draws."""
    random = np.random.default_rng(0)
    true = confusion.sum(axis=1)
    shares = confusion / np.maximum(1, true)[:, None]
    shares[true == 0, 0] = 1  # of no rows
    chunk = max(1, 4_000_000 // confusion.size)  # bounds memory
    values = []
    for start in range(0, RESAMPLES, chunk):
        count = min(chunk, RESAMPLES - start)
        draws = [random.multinomial(n, share, size=count) for n, share in zip(true, shares, strict=True)]
        values.append(macro_f1(np.stack(draws, axis=1)))
    return np.quantile(np.concatenate(values), [0.025, 0.975])


def heading(tally: Tally, scores: dict[str, Any]) -> str:
    """Say how many rows are scored, and why the others are not."""
    left_out = []
    if tally.bad:
        left_out.append(f"{tally.bad:,} with an error")
    if tally.other_labels:
        left_out.append(f"{tally.other_labels:,} with a label that the model doesn't have ({tally.example})")
    line = f"{scores['scored']:,} of {tally.rows:,} rows scored" + "".join(f"; {part}" for part in left_out)
    return line if scores["scored"] else f"{line}: the model's labels are {', '.join(tally.labels[:SHOWN_LABELS])}"


def label_table(scores: dict[str, Any]) -> list[str]:
    """Return the lines of a table of each label's scores."""
    width = max(5, *map(len, scores))
    lines = [f"{'label':{width}}  {'rows':>7}  precision  recall      f1  recall, 95 % interval"]
    for label, row in scores.items():
        interval = f"{shown(row['recall_ci95_low'])} to {shown(row['recall_ci95_high'])}"
        figures = f"{shown(row['precision']):>9}  {shown(row['recall'])}  {shown(row['f1'])}  {interval}"
        lines.append(f"{label:{width}}  {row['n']:7,}  {figures}")
    return lines


def shown(value: float | None) -> str:
    return "     -" if value is None else f"{value:.4f}"


def confusion_lines(confusion: np.ndarray, labels: list[str]) -> list[str]:
    """Return the rows of each true label by the predicted one; of many labels, the most frequent mistakes."""
    if len(labels) <= SHOWN_LABELS:
        width = max(4, *map(len, labels))
        head = f"{'':{width}}  predicted\n{'true':{width}}  " + "  ".join(f"{label:>7}" for label in labels)
        counts = [
            "  ".join(f"{n:{max(7, len(name))}d}" for n, name in zip(row, labels, strict=True)) for row in confusion
        ]
        return [head, *(f"{label:{width}}  {row}" for label, row in zip(labels, counts, strict=True))]
    mistakes = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:SHOWN_LABELS]
    pairs = [divmod(int(place), len(labels)) for place in order]
    return ["true -> predicted, the most frequent mistakes"] + [
        f"{labels[true]} -> {labels[given]}  {mistakes[true, given]:,}"
        for true, given in pairs
        if mistakes[true, given]
    ]

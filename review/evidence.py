"""What the predictions of two revisions say of the difference between their models. The statistics are in scoring."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from review.blocks import number, signed
from review.changes import DataChanges
from review.errors import Unavailable
from review.exported import load_classifier
from review.predictions import CLUSTER, Pairs, Predictions, pair, read_predictions, with_new_rows
from review.revisions import Revision
from scoring.clusters import Clusters, known_clusters, numbered, strata_of
from scoring.paired import (
    Difference,
    Flips,
    Verdict,
    count_flips,
    paired_differences,
    unpaired_differences,
)
from scoring.paired_slices import SliceDifference, slice_differences
from scoring.power import rows_needed, smallest_detectable
from scoring.reported import differences_of_intervals
from scoring.scores import judge_scores
from scoring.slices import column_slices, label_slices, large_enough, quartiles, values
from stages.common.label_sets import as_texts
from stages.common.text_columns import text_columns

FEWEST_ROWS = 100  # that both judged, to compare by; all of a smaller test split
MOST_NEW_ROWS = 2000  # that the base's exported model is asked about
SHOWN_FLIPS = 200  # each way
SEED = 0


@dataclass(frozen=True)
class Evidence:
    """How the scores differ, and in which rows and slices."""

    paired: bool
    how: list[str]  # which rows were compared and how, a sentence each
    changes: dict[str, Difference]  # by score
    sentences: list[str] = field(default_factory=list)  # the verdict on each headline score
    flips: Flips | None = None
    lost: pd.DataFrame = field(default_factory=pd.DataFrame)  # of the rows that flipped, the head's surest
    won: pd.DataFrame = field(default_factory=pd.DataFrame)
    slices: list[SliceDifference] = field(default_factory=list)
    ece: tuple[float, float] | None = None  # of base and head: it has no bootstrap interval, see scoring/calibration.py
    unjudged: list[str] = field(default_factory=list)  # why the gate can't rely on this


def find_evidence(
    base: Revision,
    head: Revision,
    data: DataChanges | None,
    margins: dict[str, float],
    resamples: int,
    folder: Path,
) -> Evidence | None:
    """Compare the predictions; None where they are the same in every row.

    Where they can't be had, or too few rows were judged by both, the difference is that of two separate samples, and
    `unjudged` says why.

    Args:
        margins: of scores, by how much each may fall.
    """
    try:
        before, after = read_predictions(base, folder), read_predictions(head, folder)
    except Unavailable as error:
        return from_metrics(base, head, margins, str(error))
    if reason := why_incomparable(before, after):
        return Evidence(False, [], {}, [f"Nothing can be compared: {reason}."], unjudged=[reason])
    pairs = pair(before, after)
    if same_answers(pairs, before, after):
        return None
    pairs, how = add_new_rows(pairs, after, base, data, folder)
    if len(pairs) < min(FEWEST_ROWS, len(after.rows)):
        return from_other_rows((base, before), (head, after), margins, (len(pairs), how), resamples)
    clusters = clusters_of(pairs.head, head)
    changes = paired_differences(pairs.head.truth, pairs.base.answers, pairs.head.answers, clusters, resamples, SEED)
    how = [f"Both models judged the same {len(pairs):,} test rows. {sampling(clusters, len(pairs))}", *how]
    how += parts_of_the_change(pairs, before)
    ece = [judge_scores(side.truth, side.answers)["ece"] for side in (pairs.base, pairs.head)]
    columns = head.params.get("evaluate", {}).get("slices") or []
    members = slices_of(pairs.head, columns)
    slices = slice_differences(members, pairs.base.correct, pairs.head.correct, clusters, resamples, SEED)
    flips, lost, won = flipped_rows(pairs)
    said = verdicts(changes, margins, len(pairs), clusters)
    return Evidence(True, how, changes, said, flips, lost, won, slices, ece=(ece[0], ece[1]))


def why_incomparable(before: Predictions, after: Predictions) -> str:
    """Return why no score of one model can be compared with the other's, or nothing."""
    if before.multi_label != after.multi_label:
        return "of the two models one gives each text one label, the other any number (data.multi_label)"
    if set(before.labels) != set(after.labels):
        return f"the labels are others: {', '.join(before.labels)} became {', '.join(after.labels)}"
    return ""


def same_answers(pairs: Pairs, before: Predictions, after: Predictions) -> bool:
    """Say whether both revisions have the same test rows, labels and probabilities."""
    whole = len(pairs) == len(before.rows) == len(after.rows) and not pairs.relabelled
    same = np.array_equal(pairs.base.probabilities, pairs.head.probabilities)
    return whole and same and np.array_equal(pairs.base.chosen, pairs.head.chosen)


def clusters_of(predictions: Predictions, revision: Revision) -> Clusters:
    """Return which test rows belong together, as evaluate took them; of older predictions, as far as the data tell."""
    if CLUSTER in predictions.rows:
        return numbered(predictions.rows[CLUSTER].astype(int).to_numpy(), strata_of(predictions.truth))
    rows, data = predictions.rows, revision.params.get("data", {})
    groups = rows["group"].tolist() if "group" in rows else [""] * len(rows)
    block_rows = data.get("block_rows") if data.get("split") == "blocked" else None
    return known_clusters(groups, rows["origin"].tolist(), predictions.truth, block_rows)


def sampling(clusters: Clusters, rows: int) -> str:
    if clusters.count == rows:
        return "Rows are resampled one by one."
    return f"Rows that belong together are resampled together: {clusters.count:,} clusters."


def add_new_rows(
    pairs: Pairs, after: Predictions, base: Revision, data: DataChanges | None, folder: Path
) -> tuple[Pairs, list[str]]:
    """Let the base's exported model judge the head's rows that the base hasn't, where it can be had and run.

    Rows that the base was trained on are left out: they would flatter it.
    """
    said = []
    if len(pairs.only_base):
        said.append(f"{len(pairs.only_base):,} test rows of the base are none of the head's.")
    if pairs.relabelled:
        said.append(f"{pairs.relabelled:,} rows have another label now; both models are judged by the new one.")
    if not len(pairs.only_head):
        return pairs, said
    said.append(f"{len(pairs.only_head):,} test rows of the head are none of the base's.")
    new = pairs.only_head
    if data is None:
        return pairs, [*said, "They are left out: whether the base was trained on them is not known."]
    seen = after.rows["row_id" if "row_id" in after.rows else "text"].iloc[new].isin(data.seen_by_base).to_numpy()
    if seen.any():
        said.append(f"{seen.sum():,} of them are left out: the base was trained or chosen on them.")
    new = new[~seen]
    if len(new) > MOST_NEW_ROWS:
        said.append(f"Of {len(new):,}, {MOST_NEW_ROWS:,} drawn by chance are judged.")
        new = np.sort(np.random.default_rng(SEED).choice(new, MOST_NEW_ROWS, replace=False))
    if not len(new):
        return pairs, said
    try:
        pairs = with_new_rows(pairs, after, new, load_classifier(base, folder))
    except Unavailable as error:
        return pairs, [*said, f"They are left out, for the base can't judge them: {error}."]
    return pairs, [*said, f"The base's exported model has judged {len(new):,} of them for this review."]


def parts_of_the_change(pairs: Pairs, before: Predictions) -> list[str]:
    """Say which part of the difference in accuracy is the data's and which the model's, where the test rows differ."""
    if not (len(pairs.only_base) or pairs.relabelled or len(pairs) != len(before.rows)):
        return []
    old, base, head = (float(side.correct.mean()) for side in (before, pairs.base, pairs.head))
    return [
        f"Accuracy went from {number(old)} (the base on its own test rows) to {number(head)} (the head on these): "
        f"{signed(base - old)} is the data's part (the base on these rows) and {signed(head - base)} the model's."
    ]


def verdicts(
    changes: dict[str, Difference], margins: dict[str, float], rows: int = 0, clusters: Clusters | None = None
) -> list[str]:
    """Return the verdict on each headline score in a sentence; where it is open, what it would take to know."""
    said = []
    for name, margin in margins.items():
        if name in changes:
            said.append(sentence(changes[name], margin))
            if clusters and changes[name].verdict(margin) is Verdict.UNCLEAR:
                said[-1] += f" {resolution(changes[name], rows, clusters)}"
    return said


def from_metrics(base: Revision, head: Revision, margins: dict[str, float], reason: str) -> Evidence:
    """Return what the two committed intervals say, for want of predictions."""
    old, new = base.metrics("evaluate.json"), head.metrics("evaluate.json")
    names = [name for name in old if f"{name}_ci95_low" in old and f"{name}_ci95_low" in new]
    changes = {name: differences_of_intervals(name, old, new) for name in names}
    how = [f"{reason}.", "So these are two separate intervals: only a large difference shows."]
    return Evidence(False, how, changes, weaker(changes, margins), unjudged=[reason])


def from_other_rows(
    base: tuple[Revision, Predictions],
    head: tuple[Revision, Predictions],
    margins: dict[str, float],
    paired: tuple[int, list[str]],  # how many rows both judged, and what is to be said of the others
    resamples: int,
) -> Evidence:
    """Return what two test splits say that have too few rows in common."""
    common, notes = paired
    sides = [(item.truth, item.answers, clusters_of(item, revision)) for revision, item in (base, head)]
    changes = unpaired_differences(sides[0], sides[1], resamples, SEED)
    reason = (
        f"both judged {common:,} rows, and {FEWEST_ROWS} are the fewest to compare by" if common else "no common rows"
    )
    how = [f"The test splits differ: {reason}.", *notes]
    how.append("So each model is judged on its own: only a large difference shows.")
    return Evidence(False, how, changes, weaker(changes, margins), unjudged=[f"the test splits differ: {reason}"])


def weaker(changes: dict[str, Difference], margins: dict[str, float]) -> list[str]:
    return [f"{line} The models were not compared row by row." for line in verdicts(changes, margins)]


def sentence(difference: Difference, margin: float) -> str:
    """Return the verdict on one score, with its figures and, where it is open, what it would take to know."""
    said = {
        Verdict.SAME: f"{difference.name} is the same",
        Verdict.BETTER: f"{difference.name} is better",
        Verdict.WORSE: f"{difference.name} is worse",
        Verdict.NO_WORSE: f"{difference.name} is no worse than the margin of {number(margin)}",
        Verdict.UNCLEAR: f"{difference.name}: can't tell whether it is better or worse",
    }[difference.verdict(margin)]
    ends = f"95 % interval {signed(difference.low)} to {signed(difference.high)}"
    return f"{said}: {number(difference.base)} → {number(difference.head)} ({signed(difference.change)}, {ends})."


def resolution(difference: Difference, rows: int, clusters: Clusters) -> str:
    """Say what this test split can show of a score, and what it would take to show the difference seen."""
    smallest = smallest_detectable(difference.standard_error, clusters)
    needed = rows_needed(difference.change, difference.standard_error, rows)
    said = f"These {rows:,} rows show a difference of {number(smallest)} with 80 % power"
    return (
        f"{said}." if needed is None else f"{said}; to show the {signed(difference.change)} seen it takes {needed:,}."
    )


def flipped_rows(pairs: Pairs) -> tuple[Flips, pd.DataFrame, pd.DataFrame]:
    """Return the rows that one model has right and the other wrong: their number, and the head's surest."""
    rows, base, head = pairs.head.rows, pairs.base.correct, pairs.head.correct
    confidence = pairs.head.probabilities.max(axis=1)

    def surest(inside: np.ndarray) -> pd.DataFrame:
        places = np.flatnonzero(inside)
        places = places[np.argsort(-confidence[places], kind="stable")][:SHOWN_FLIPS]
        found = rows.iloc[places]
        said = {name: as_texts(side.chosen[places], side.labels) for name, side in sides.items()}
        columns = {"label": found["label"].to_numpy(), **said, "confidence": confidence[places]}
        texts = [" | ".join(row) for row in found[text_columns(rows)].itertuples(index=False)]
        return pd.DataFrame({**columns, "text": texts})

    sides = {"base": pairs.base, "head": pairs.head}
    return count_flips(base, head), surest(base & ~head), surest(~base & head)


def slices_of(predictions: Predictions, columns: list[str]) -> dict[str, np.ndarray]:
    """Return the slices by length, by label and by the user's columns that are there."""
    rows = predictions.rows
    several = predictions.multi_label
    labels = label_slices(predictions.truth, predictions.labels) if several else values("label", rows["label"])
    members = large_enough(quartiles("characters", rows["text"].str.len())) | large_enough(labels)
    for column in columns:
        if column in rows:
            members |= large_enough(column_slices(column, rows[column]))
    return members

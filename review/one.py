"""Review one revision against another."""

import argparse
import threading
from pathlib import Path

from review.blocks import Report
from review.changes import Changes, DataChanges, data_changes
from review.committed import check_committed
from review.cost import Cost, find_cost, measure_speed
from review.errors import CannotJudge, Unavailable
from review.gate import GATE, Finding, Gate, judge, judge_evidence, judge_speed
from review.report import Review, make_report
from review.revisions import Revision

SPEED_TEXTS = 64


def review_revision(
    base: Revision, head: Revision, gate: Gate, chosen: argparse.Namespace, folder: Path
) -> tuple[Review, Report]:
    """Return what the review found, and its report.

    Raises:
        CannotJudge: when a revision has no results.
    """
    for revision in (base, head):
        if not revision.metrics("evaluate.json"):
            raise CannotJudge(f"{revision} has no metrics of evaluate: run `dvc repro` there and commit its results")
    review = Review(base, head, Changes(base, head))
    if GATE.as_posix() in review.changes.files:
        review.notes.append(f"The rules of the gate changed: read {GATE.as_posix()}.")
    review.findings = judge(gate, check_committed(head), base, head)
    review.cost = find_cost(base, head, (chosen.base_logs, chosen.head_logs))
    review.data = differing_data(review, folder)
    if not review.changes.same("evaluation"):
        from review.evidence import find_evidence
        from review.report_html import vega_scripts

        threading.Thread(target=vega_scripts, daemon=True).start()  # a second of work for the other core
        review.evidence = find_evidence(base, head, review.data, gate.largest_drop, chosen.resamples, folder)
        review.failures = changed_failures(base, head, folder)
    if review.evidence:
        review.findings += judge_evidence(gate, review.evidence)
        review.findings += [Finding("evidence", None, reason) for reason in review.evidence.unjudged]
    if chosen.speed:
        review.cost = speed(review, folder)
        review.findings += judge_speed(gate, review.cost)
    report = make_report(review)
    base.close()
    head.close()
    return review, report


def differing_data(review: Review, folder: Path) -> DataChanges | None:
    """Return how the prepared rows differ; where they can't be had, say so."""
    try:
        return data_changes(review.changes, folder)
    except Unavailable as error:
        review.notes.append(f"Which rows changed is not known: {error}.")
        return None


def speed(review: Review, folder: Path) -> Cost:
    """Return the cost with texts per second of both exported models."""
    from review.predictions import read_predictions

    try:
        rows = read_predictions(review.head, folder).rows
        some = rows.iloc[:: -(-len(rows) // SPEED_TEXTS)]
        return measure_speed(review.cost, review.base, review.head, some, folder)
    except Unavailable as error:
        raise CannotJudge(f"speed can't be measured: {error}") from error


def changed_failures(base: Revision, head: Revision, folder: Path) -> dict[str, list[list[str]]]:
    """Return the behaviour cases that fail in one revision only: test, text, and the changed text."""
    from review.predictions import read_failures

    old, new = read_failures(base, folder), read_failures(head, folder)
    if old is None or new is None:
        return {}
    cases = [[tuple(case) for case in table[["test", "text", "changed_text"]].to_numpy()] for table in (old, new)]
    found = {
        "Fail now": [list(case) for case in cases[1] if case not in set(cases[0])],
        "Fail no longer": [list(case) for case in cases[0] if case not in set(cases[1])],
    }
    return {title: rows for title, rows in found.items() if rows}

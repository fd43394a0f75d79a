"""The rules that a change must keep, from review/gate.yaml, and what they say of a review."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from review.blocks import number, signed
from review.committed import Committed, flat
from review.errors import CannotJudge
from stages.common.errors import UserError
from stages.common.params import Fraction, NonNegative, Positive, Section, Text
from stages.common.params_file import check_params, read_params

if TYPE_CHECKING:
    from review.cost import Cost
    from review.evidence import Evidence
    from review.revisions import Revision

GATE = Path("review/gate.yaml")  # in the repository that is open


class BehaviourRules(Section):
    largest_failure_rate: Fraction | None
    """Of all cases of data/behaviour.yaml."""
    largest_rise: Fraction | None
    """Of that rate, from base to head."""


class CalibrationRules(Section):
    largest_ece: Fraction | None
    """Expected calibration error of the head."""
    largest_rise: Fraction | None
    """Of that error, from base to head."""


class SizeRules(Section):
    largest_megabytes: dict[Text, Positive]
    """By form of the exported model, as metrics/export.json names them."""
    largest_growth: NonNegative | None
    """Of any form, as a fraction of the base's."""


class Gate(Section):
    committed_results: bool
    """dvc.lock, the metrics and the README must be those of the head."""
    floors: dict[Text, float]
    """Least values in metrics/evaluate.json, by dotted key."""
    largest_drop: dict[Text, Positive]
    """Non-inferiority margins: the 95 % interval of the difference must lie above minus this."""
    largest_slice_drop: Fraction | None
    """No slice may be worse by more than this, where it is worse beyond chance."""
    behaviour: BehaviourRules
    calibration: CalibrationRules
    size: SizeRules
    smallest_speed_kept: Annotated[float, Field(gt=0)] | None
    """Texts per second of the head over those of the base; judged where `--speed` measures them."""


@dataclass(frozen=True)
class Finding:
    """What one rule says: passed, failed, or None where it can't be judged; the figures, and what to do."""

    rule: str
    passed: bool | None
    figures: str
    remedy: str = ""


def load_gate(path: Path = GATE) -> Gate:
    """Read and check the rules.

    Raises:
        CannotJudge: naming every mistake.
    """
    try:
        return check_params(Gate, read_params(path), path)
    except UserError as error:
        raise CannotJudge(str(error)) from error


def judge(gate: Gate, committed: Committed, base: "Revision", head: "Revision") -> list[Finding]:
    """Return what the rules say that need no predictions: results, floors, behaviour, calibration and size."""
    findings = []
    if gate.committed_results:
        findings += [Finding("committed_results", False, problem) for problem in committed.problems]
        unknown = f"; not known without the data: {', '.join(committed.unknown)}" if committed.unknown else ""
        figures = f"dvc.lock, the metrics and the README are those of {head.name}{unknown}"
        findings += [] if committed.problems else [Finding("committed_results", True, figures)]
    scores = dict(flat(head.metrics("evaluate.json")))
    findings += [at_least(f"floors.{key}", scores.get(key), floor) for key, floor in gate.floors.items()]
    before, after = base.metrics("evaluate.json"), head.metrics("evaluate.json")
    for section, rules, key, most in (
        ("behaviour", gate.behaviour, "failure_rate", gate.behaviour.largest_failure_rate),
        ("calibration", gate.calibration, "ece", gate.calibration.largest_ece),
    ):
        old, new = (metrics.get("behaviour", {}) if section == "behaviour" else metrics for metrics in (before, after))
        findings += bounded(f"{section}.largest_{key}", new.get(key), most)
        if rules.largest_rise is not None and key in old and key in new:
            rise = round(new[key] - old[key], 6)
            figures = f"from {number(old[key])} to {number(new[key])}, allowed is a rise of {rules.largest_rise}"
            findings.append(Finding(f"{section}.largest_rise", rise <= rules.largest_rise, figures))
    return [*findings, *judge_size(gate.size, base, head)]


def judge_size(rules: SizeRules, base: "Revision", head: "Revision") -> Iterator[Finding]:
    old, new = (revision.metrics("export.json").get("megabytes", {}) for revision in (base, head))
    for form, most in rules.largest_megabytes.items():
        yield from bounded(f"size.largest_megabytes.{form}", new.get(form), most)
    for form in sorted({*old, *new}) if rules.largest_growth is not None else ():
        if old.get(form) and form in new and new[form] > old[form]:
            growth = new[form] / old[form] - 1
            figures = f"{form} grew from {number(old[form])} to {number(new[form])} MB, by {growth:.0%}"
            yield Finding("size.largest_growth", growth <= rules.largest_growth, figures)


def bounded(rule: str, value: float | None, most: float | None) -> Iterator[Finding]:
    """Say whether a value is at most this, if there are both."""
    if most is not None and value is not None:
        yield Finding(rule, value <= most, f"{number(value)}, allowed is {number(most)}")


def at_least(rule: str, value: float | None, least: float) -> Finding:
    if value is None:
        return Finding(rule, None, "metrics/evaluate.json has no such key", "correct the key in review/gate.yaml")
    return Finding(rule, value >= least, f"{number(value)}, asked for is {number(least)}")


def judge_evidence(gate: Gate, evidence: "Evidence") -> Iterator[Finding]:
    """Return what the rules say of differences between the two models."""
    for name, margin in gate.largest_drop.items():
        change = evidence.changes.get(name)
        if change is None:
            yield Finding(f"largest_drop.{name}", None, "neither model has this score", "correct review/gate.yaml")
            continue
        figures = (
            f"{signed(change.change)} ({signed(change.low)} to {signed(change.high)}), "
            f"the interval must not reach a loss of more than {number(margin)}"
        )
        passed: bool | None = change.within(margin)
        if not passed and not evidence.paired and change.gain[2] >= -margin:
            passed = None  # two separate intervals are too wide to say that it is worse
        yield Finding(f"largest_drop.{name}", passed, figures)
    if gate.largest_slice_drop is not None:
        for part in evidence.slices:
            if part.worse and part.change < -gate.largest_slice_drop:
                figures = f"{part.name} lost {number(-part.change)} in accuracy, allowed is {gate.largest_slice_drop}"
                yield Finding("largest_slice_drop", False, figures)


def judge_speed(gate: Gate, cost: "Cost") -> Iterator[Finding]:
    if gate.smallest_speed_kept is not None and cost.speed_kept is not None:
        kept = cost.speed_kept
        figures = f"{kept:.2f} of the base's texts per second, asked for is {gate.smallest_speed_kept}"
        yield Finding("smallest_speed_kept", kept >= gate.smallest_speed_kept, figures)

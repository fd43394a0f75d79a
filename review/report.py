"""Put what a review found into the blocks of a report."""

from dataclasses import dataclass, field
from math import isnan
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from review.blocks import Cell, Line, Quote, Report, Section, Table, signed
from review.changes import NOT_CODE, Changes, DataChanges
from review.charts import charts
from review.cost import Cost
from review.gate import Finding
from review.revisions import Revision

if TYPE_CHECKING:
    import pandas as pd

    from review.evidence import Evidence

SHOWN = 200  # rows of any kind, at most
COLUMNS = ["label", "base", "head", "confidence", "text"]  # of rows that flipped
SAMPLE = 5  # rows that came, went, moved or were relabelled


@dataclass
class Review:
    """All that a review found."""

    base: Revision
    head: Revision
    changes: Changes
    findings: list[Finding] = field(default_factory=list)
    evidence: "Evidence | None" = None  # None: nothing differs in the predictions
    data: DataChanges | None = None
    cost: Cost = field(default_factory=Cost)
    failures: dict[str, list[list[str]]] = field(default_factory=dict)  # behaviour cases by what became of them
    notes: list[str] = field(default_factory=list)  # what could not be done, and why

    @property
    def passed(self) -> bool | None:
        """Say whether the gate passes; None where no rule fails and one can't be judged."""
        said = [finding.passed for finding in self.findings]
        return False if False in said else None if None in said else True


def make_report(review: Review) -> Report:
    """Return the report: the verdict first, then the gate, the evidence, what changed and what it costs."""
    sections = [gate_section(review.findings)]
    if review.evidence:
        sections += [scores_section(review.evidence), flips_section(review.evidence), slices_section(review.evidence)]
    sections += [behaviour_section(review), changes_section(review), data_section(review), cost_section(review.cost)]
    if review.evidence:
        drawn = charts(review.base, review.head, review.evidence.slices)
        sections.insert(2, Section("Pictures", charts=drawn))
    title = f"Review of {review.head} against {review.base}"
    shown = [section for section in sections if section.lines or section.tables or section.charts]
    return Report(title, verdict(review), review.passed, shown)


def verdict(review: Review) -> list[Line]:
    """Return the verdict in a sentence a headline metric, what the gate says, and what could not be done."""
    if review.evidence:
        lines: list[Line] = [(sentence,) for sentence in review.evidence.sentences]
    elif not review.changes.results_differ:
        lines = [("No result changed: the model, its predictions and its metrics are the same.",)]
    else:
        what = "The model changed, and" if review.changes.model_differs else "Results changed, and"
        lines = [(f"{what} no prediction did: it is as good as it was, on every test row.",)]
    failed = [finding for finding in review.findings if finding.passed is False]
    unknown = [finding for finding in review.findings if finding.passed is None]
    said = f"The gate fails: {count(len(failed), 'rule')} of {len(review.findings)}." if failed else "The gate passes."
    if unknown and not failed:
        said = f"The gate can't be judged: {count(len(unknown), 'rule')} of {len(review.findings)}."
    lines += [(said,), *((f"{finding.rule}: {finding.figures}{remedy(finding)}",) for finding in failed + unknown)]
    return lines + [(note,) for note in review.notes]


def remedy(finding: Finding) -> str:
    return f": {finding.remedy}" if finding.remedy else ""


def count(items: int, name: str) -> str:
    return f"{items} {name}" if items == 1 else f"{items} {name}s"


def gate_section(findings: list[Finding]) -> Section:
    words = {True: "passes", False: "fails", None: "can't be judged"}
    rows: list[list[Cell]] = [[item.rule, words[item.passed], Quote(item.figures)] for item in findings]
    return Section("Gate", tables=[Table(["rule", "", "figures"], rows)] if rows else [], folded=True)


def scores_section(evidence: "Evidence") -> Section:
    """Return both models' scores on the same rows, and the interval of each difference."""
    rows: list[list[Cell]] = []
    for change in evidence.changes.values():
        ends = interval(change.low, change.high)
        p_value = "" if isnan(change.p_value) else f"{change.p_value:.3f}"
        rows.append([change.name, change.base, change.head, signed(change.change), ends, p_value])
    if evidence.ece:
        old, new = evidence.ece
        rows.append(["ece", old, new, signed(new - old), "", ""])
    lines: list[Line] = [(line,) for line in evidence.how]
    return Section("Scores", lines, [Table(["score", "base", "head", "change", "95 % interval", "p"], rows)])


def interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def flips_section(evidence: "Evidence") -> Section:
    """Return the rows that one model gets right and the other wrong, the head's surest first."""
    flips, tables = evidence.flips, []
    if not flips:
        return Section("Rows that flipped")
    for title, table, total in (
        ("Were right, are wrong", evidence.lost, flips.lost),
        ("Were wrong, are right", evidence.won, flips.won),
    ):
        if total:
            rows: list[list[Cell]] = [
                [Quote(label), Quote(base), Quote(head), confidence, Quote(text)]
                for label, base, head, confidence, text in table[COLUMNS].to_numpy()
            ]
            columns = ["label", "base says", "head says", "confidence", "text"]
            tables.append(Table(columns, rows, f"{title}: {total:,}", total - len(rows)))
    line = f"{flips.lost:,} rows were right and are wrong, {flips.won:,} the other way round "
    line += f"(McNemar's exact test, rows taken as independent: p = {flips.p_value:.3g})."
    return Section("Rows that flipped", [(line,)], tables)


def slices_section(evidence: "Evidence") -> Section:
    """Return the change of each slice, the largest loss first; p is corrected for how many were looked at."""
    parts = sorted(evidence.slices, key=lambda part: part.change)
    rows: list[list[Cell]] = []
    for part in parts:
        known = "worse" if part.worse else "better" if part.better else ""
        ends = interval(part.low, part.high)
        rows.append([Quote(part.name), part.rows, part.base, part.head, signed(part.change), ends])
        rows[-1] += [f"{part.p_holm:.3f}", known]
    columns = ["slice", "rows", "base", "head", "change", "95 % interval", "p (Holm)", "beyond chance"]
    lines: list[Line] = [(f"Accuracy in {count(len(rows), 'slice')}; p-values are corrected for that number.",)]
    return Section("Slices", lines if rows else [], [Table(columns, rows[:SHOWN])] if rows else [], folded=True)


def behaviour_section(review: Review) -> Section:
    """Return the failure rate of each behaviour test, and the cases that fail in one revision only."""
    old, new = (side.metrics("evaluate.json").get("behaviour", {}) for side in (review.base, review.head))
    rates = [entry.get("failure_rates", {}) for entry in (old, new)]
    rows: list[list[Cell]] = [
        [Quote(name), rates[0].get(name), rates[1].get(name)] for name in sorted({*rates[0], *rates[1]})
    ]
    rows = [[*row, signed(row[2] - row[1]) if None not in row else ""] for row in rows]  # type: ignore[operator]
    if not rows:
        return Section("Behaviour tests")
    changed = [row for row in rows if row[1] != row[2]]
    lines: list[Line] = [(f"{len(changed)} of {len(rows)} tests fail in another fraction of their cases.",)]
    tables = [Table(["test", "base fails", "head fails", "change"], changed or rows)]
    for title, cases in review.failures.items():
        listed: list[list[Cell]] = [[Quote(text) for text in case] for case in cases[:SHOWN]]
        tables.append(Table(["test", "text", "changed to"], listed, f"{title}: {len(cases)}", len(cases) - len(listed)))
    return Section("Behaviour tests", lines, tables, folded=True)


def changes_section(review: Review) -> Section:
    """Return params, base model and code that differ."""
    changes = review.changes
    rows: list[list[Cell]] = [[Quote(key), Quote(word(old)), Quote(word(new))] for key, old, new in changes.params]
    tables = [Table(["param", "base", "head"], rows[:SHOWN], left_out=max(0, len(rows) - SHOWN))] if rows else []
    code: list[list[Cell]] = [
        [stage, len(paths), Quote(", ".join(str(PurePosixPath(path)) for path in paths))]
        for stage, paths in changes.code.items()
        if stage != NOT_CODE
    ]
    if code:
        tables.append(Table(["stage", "files", "code that it reads and that changed"], code))
    lines: list[Line] = []
    others = len(changes.code.get(NOT_CODE, []))
    if any(key == "model.base" for key, _, _ in changes.params):
        lines.append(("The base model is another one.",))
    if not rows and not code:
        lines.append(("No param and no code of a stage changed.",))
    if others:
        lines.append((f"{count(others, 'file')} changed that no stage reads.",))
    return Section("What changed", lines, tables)


def word(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def data_section(review: Review) -> Section:
    """Return what happened to the rows, apart from what happened to the model."""
    data = review.data
    if data is None:
        same = [("The prepared rows are the same.",)] if review.changes.same("prepared") else []
        return Section("Data", list(same) if review.changes.results_differ else [])
    rows: list[list[Cell]] = [
        [name, before, after, signed(after - before)] for name, (before, after) in data.counts.items()
    ]
    tables = [Table(["split", "rows in base", "rows in head", "change"], rows)]
    lines: list[Line] = []
    if data.labels[0] != data.labels[1]:
        lines.append(
            (
                "The labels are others: ",
                Quote(", ".join(data.labels[0])),
                " became ",
                Quote(", ".join(data.labels[1])),
                ".",
            )
        )
    for title, table in (
        ("came", data.came),
        ("went", data.went),
        ("moved to another split", data.moved),
        ("have another label", data.relabelled),
    ):
        lines.append((f"{len(table):,} rows {title}.",))
        if len(table):
            tables.append(row_table(f"Rows that {title}: {len(table):,}", table))
    leaked = len(data.seen_by_base)
    if leaked:
        lines.append((f"{leaked:,} test rows of the head were in the base's train or validation split.",))
    return Section("Data", lines, tables)


def row_table(title: str, table: "pd.DataFrame") -> Table:
    """Return a sample of rows with where they stood and stand."""
    columns = ["split_base", "split_head", "label_base", "label_head", "text"]
    chosen = table[columns].fillna("")
    rows: list[list[Cell]] = [[Quote(str(value)) for value in row] for row in chosen.head(SAMPLE).to_numpy()]
    names = ["split in base", "split in head", "label in base", "label in head", "text"]
    return Table(names, rows, title, len(table) - len(rows))


def cost_section(cost: Cost) -> Section:
    rows: list[list[Cell]] = []
    for name, (old, new) in cost.figures.items():
        ratio = f"{new / old - 1:+.1%}" if old and new is not None else ""
        rows.append([Quote(name), old, new, ratio])
    return Section(
        "Cost", [(note,) for note in cost.notes], [Table(["", "base", "head", "change"], rows)] if rows else []
    )

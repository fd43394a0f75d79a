"""Say on the screen what came out of a run, and where to look."""

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = ("accuracy", "f1", "roc_auc", "log_loss")  # scores on the screen; the rest is in metrics/evaluate.json
MUCH = 0.01  # fraction of the texts cut, or of the tokens unknown, from which on the screen says so


def summary(scores: Mapping[str, Any], data: Mapping[str, Any], tokens: Mapping[str, Any]) -> str:
    """Return some lines of text, from the contents of metrics/evaluate.json, data.json and tokenize.json."""
    found = [("judged on", judged_on(scores)), *score_lines(scores)]
    found += [("data", line) for line in [data_line(data)] if line]
    found += [("tokens", line) for line in token_lines(tokens)]
    found += [("look at", line) for line in places(scores)]
    lines, before = [], None
    for name, line in found:
        lines.append(f"  {'' if name == before else name:10} {line}")
        before = name
    return "\n".join(lines)


def judged_on(scores: Mapping[str, Any]) -> str:
    rows, clusters = scores["rows"], scores["clusters"]
    together = "" if rows == clusters else f", {clusters:,} clusters of rows that belong together"
    what = "; accuracy: all labels of a row right; f1: over all labels" if "thresholds" in scores else ""
    return f"{rows:,} test rows{together}; 95 % intervals in brackets{what}"


def score_lines(scores: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    baseline = scores["baseline"]
    kind = "characters" if baseline.get("characters") else "words"
    yield "", f"{'model':24}{f'linear, {kind}':20}margin"
    for name in SHOWN:
        if name not in scores:
            continue
        ours = f"{scores[name]:.3f} {interval(scores, name)}"
        margin = f"margin_{name}"
        gain = f"{scores[margin]:+.3f} {interval(scores, margin)}" if margin in scores else ""
        yield name, f"{ours:24}{baseline[name]:<20.3f}{gain}".rstrip()


def interval(scores: Mapping[str, Any], name: str) -> str:
    ends = (f"{name}_ci95_{end}" for end in ("low", "high"))
    return "[" + ", ".join(f"{scores[end]:.3f}" for end in ends) + "]"


def data_line(data: Mapping[str, Any]) -> str:
    """Say how many rows were read, and what became of those that are not in the splits."""
    if "rows_read" not in data:
        return ""
    dropped = {name.replace("_", " "): count for name, count in data.get("rows_dropped", {}).items() if count}
    dropped |= {"unused": data["rows_unused"]} if data.get("rows_unused") else {}
    counts = ", ".join(f"{name} {count:,}" for name, count in dropped.items())
    return f"{data['rows_read']:,} rows read" + (f"; left out: {counts}" if counts else "; none left out")


def token_lines(tokens: Mapping[str, Any]) -> Iterator[str]:
    found = tokens.get("test", {})
    if (cut := found.get("truncated_fraction", 0)) > MUCH:
        why = "tokenize.max_windows hold" if "windows" in found else "tokenize.max_length"
        yield f"{cut:.0%} of the test texts are longer than {why}: what is beyond it was not read"
    if (unknown := found.get("unknown_fraction", 0)) > MUCH:
        yield f"{unknown:.0%} of the test tokens are unknown to the base model: choose one of the texts' language"


def places(scores: Mapping[str, Any]) -> Iterator[str]:
    """Say which tables have something to show."""
    slices, errors = scores["slices"], scores["label_errors"]
    if slices["worse"]:
        yield f"metrics/plots/slices.csv: {slices['worse']} of {slices['looked_at']} slices worse than the rest"
    if "behaviour" in scores and scores["behaviour"]["failure_rate"]:
        failed = round(scores["behaviour"]["failure_rate"] * scores["behaviour"]["cases"])
        yield f"data/evaluation/behaviour_failures.csv: {failed} of {scores['behaviour']['cases']} cases fail"
    if errors["train"] or errors["test"]:
        yield (
            f"data/evaluation/label_errors.csv: {errors['train']:,} labels in train and {errors['test']:,} in test are "
            "likely wrong"
        )
    yield "data/evaluation/confident_mistakes.csv, and the plots: make plots"

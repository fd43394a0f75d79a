"""Charts of two revisions, in Vega-Lite, from the small tables that Git has of each."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from review.blocks import Chart
from review.revisions import Revision

if TYPE_CHECKING:
    import pandas as pd

    from scoring.paired_slices import SliceDifference

COLOURS = {"base": "#7b8794", "head": "#2563eb"}
STROKES = {"base": [5, 3], "head": [1, 0]}  # told apart without colour, too
HEIGHT = 260
POINTS = 400  # of a curve, at most
SLICES = 30  # in a chart, at most
NAME = 40  # characters of a name on an axis, at most


def charts(base: Revision, head: Revision, slices: Sequence["SliceDifference"]) -> list[Chart]:
    """Return those charts for which a revision has the table."""
    both = {"base": base, "head": head}
    tables = {
        name: {side: table for side, revision in both.items() if (table := plot_table(revision, name)) is not None}
        for name in ("training.csv", "validation.csv", "roc.csv", "reliability.csv", "confusion.csv")
    }
    made = [
        difference_chart(slices),
        curves("Reliability: right as often as it says?", tables["reliability.csv"], "confidence", "accuracy", True),
        curves("ROC", tables["roc.csv"], "fpr", "tpr", True),
        learning_chart(tables["training.csv"], tables["validation.csv"]),
        *(confusion_chart(side, table) for side, table in tables["confusion.csv"].items()),
    ]
    return [chart for chart in made if chart]


def plot_table(revision: Revision, name: str) -> "pd.DataFrame | None":
    """Return a table of metrics/plots; None where it isn't there or holds nothing."""
    import pandas as pd

    text = revision.text(revision.outputs.get(name, ""))
    if not text or not text.strip():
        return None
    table = pd.read_csv(io.StringIO(text))
    return table if len(table) else None


def thinned(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return evenly chosen rows, the last one included, no more than POINTS."""
    step = -(-len(table) // POINTS)
    return table.iloc[(len(table) - 1) % step :: step]


def values(tables: dict[str, "pd.DataFrame"], columns: list[str]) -> list[dict[str, Any]]:
    """Return the rows of both sides as Vega takes them, each with its side."""
    return [
        {"model": side, **{str(name): value for name, value in row.items()}}
        for side, table in tables.items()
        if set(columns) <= set(table)
        for row in thinned(table[columns].dropna().astype(float)).round(5).to_dict("records")
    ]


def side_colour() -> dict[str, Any]:
    names = list(COLOURS)
    return {
        "color": {
            "field": "model",
            "type": "nominal",
            "scale": {"domain": names, "range": list(COLOURS.values())},
            "legend": {"orient": "top", "title": None},
        },
        "strokeDash": {
            "field": "model",
            "type": "nominal",
            "scale": {"domain": names, "range": list(STROKES.values())},
            "legend": None,
        },
    }


def axis(field: str, title: str, **options: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, **options}


def curves(title: str, tables: dict[str, "pd.DataFrame"], x: str, y: str, diagonal: bool) -> Chart | None:
    """Return a line for each side, of fractions against fractions, with the diagonal where one is asked for."""
    rows = values(tables, [x, y])
    if not rows:
        return None
    lines = {
        "mark": {"type": "line", "point": len(rows) < 60, "tooltip": True},
        "encoding": {"x": axis(x, x), "y": axis(y, y), **side_colour()},
    }
    straight = {
        "data": {"values": [{"from": 0}, {"from": 1}]},
        "mark": {"type": "line", "color": "#cbd2d9"},
        "encoding": {"x": axis("from", x), "y": axis("from", y)},
    }
    layers = [straight, lines] if diagonal else [lines]
    return Chart(title, {"height": HEIGHT, "data": {"values": rows}, "layer": layers})


def learning_chart(training: dict[str, "pd.DataFrame"], validation: dict[str, "pd.DataFrame"]) -> Chart | None:
    """Return the loss in training as lines, and that on the validation split as points."""
    lines, points = values(training, ["step", "loss"]), values(validation, ["step", "loss"])
    if not lines:
        return None
    encoding = {"x": axis("step", "optimizer step"), "y": axis("loss", "cross-entropy"), **side_colour()}
    marks = {"type": "point", "filled": True, "size": 70, "tooltip": True}
    layers = [
        {"data": {"values": lines}, "mark": {"type": "line", "tooltip": True}, "encoding": encoding},
        {"data": {"values": points}, "mark": marks, "encoding": {**encoding, "strokeDash": {"value": [1, 0]}}},
    ]
    return Chart("Loss: lines in training, points on the validation split", {"height": HEIGHT, "layer": layers})


def confusion_chart(side: str, table: "pd.DataFrame") -> Chart | None:
    """Return the fraction of each true class that is given each class. Its table is a row a text, or counts in `n`."""
    if not {"actual", "predicted"} <= set(table):
        return None
    names = table[["actual", "predicted"]].astype(str).apply(lambda column: column.str.slice(0, NAME))
    weights = table.get("n", 1)
    counts = names.assign(rows=weights).groupby(["actual", "predicted"], as_index=False)["rows"].sum()
    counts["fraction"] = (counts["rows"] / counts.groupby("actual")["rows"].transform("sum")).round(4)
    place = {"type": "nominal", "axis": {"labelLimit": 110}, "sort": sorted(set(counts["actual"]))}
    flat = {**place, "axis": {"labelLimit": 110, "labelAngle": 0}} if counts["actual"].nunique() <= 3 else place
    shared = {"x": {**flat, "field": "predicted"}, "y": {**place, "field": "actual"}}
    colour = axis("fraction", "of the class", scale={"domain": [0, 1], "scheme": "blues"}, legend=None)
    layers = [{"mark": {"type": "rect", "tooltip": True}, "encoding": {"color": colour}}]
    if counts["actual"].nunique() <= 10:
        shade = {"condition": {"test": "datum.fraction > 0.5", "value": "white"}, "value": "#1f2933"}
        layers.append({"mark": "text", "encoding": {"text": axis("rows", "rows", format=","), "color": shade}})
    specification = {"height": HEIGHT, "data": {"values": counts.to_dict("records")}, "encoding": shared}
    return Chart(f"Confusion of the {side}", {**specification, "layer": layers})


def difference_chart(slices: Sequence["SliceDifference"]) -> Chart | None:
    """Return how much each slice's accuracy differs, with intervals, the largest loss first."""
    shown = sorted(slices, key=lambda part: part.change)[:SLICES]
    rows = [
        {
            "slice": part.name if len(part.name) <= NAME else f"{part.name[: NAME - 1]}…",
            "rows": part.rows,
            "difference": round(part.change, 5),
            "low": round(part.low, 5),
            "high": round(part.high, 5),
            "beyond chance": "yes" if part.worse or part.better else "no",
        }
        for part in shown
    ]
    if not rows:
        return None
    place = {"field": "slice", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 160}}
    colour = {
        "field": "beyond chance",
        "type": "nominal",
        "scale": {"domain": ["no", "yes"], "range": ["#7b8794", "#c2410c"]},
        "legend": {"orient": "top"},
    }
    layers = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": "#9aa5b1"},
            "encoding": {"x": axis("zero", "change in accuracy")},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"y": place, "x": axis("low", "change in accuracy"), "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
            "encoding": {"y": place, "x": axis("difference", "change in accuracy"), "color": colour},
        },
    ]
    return Chart(
        "Change in accuracy by slice, with 95 % intervals",
        {"height": max(120, 26 * len(rows)), "data": {"values": rows}, "layer": layers},
    )

"""Put the comparison of many experiments into the blocks of a report."""

from typing import Any

from review.blocks import Cell, Chart, Line, Quote, Report, Section, Table, number, signed
from review.charts import HEIGHT
from review.experiments import FEWEST_FOR_IMPORTANCE, Comparison, Ranked, Recipe

SIGNIFICANCE = 0.05
AXES = 8  # params in the parallel coordinates, at most


def make_report(comparison: Comparison, seeds: bool) -> Report:
    """Return the report: the ranked table first, then recipes over seeds, and what the params have to do with it."""
    sections = [ranked_section(comparison)]
    if seeds:
        sections.insert(0, seeds_section(comparison))
    sections.append(params_section(comparison))
    title = f"{len(comparison.ranked)} experiments against {comparison.base}"
    return Report(title, verdict(comparison), True, [part for part in sections if part.lines or part.tables])


def verdict(comparison: Comparison) -> list[Line]:
    """Say which experiment is ahead, and whether that is more than the luck of the best of many."""
    best, metric = comparison.ranked[0], comparison.metric
    change = best.change
    figures = f"{number(best.score)} against {number(comparison.base_score)}"
    ends = f"{signed(change.difference)}, {signed(change.low)} to {signed(change.high)}"
    if change.low > 0:
        said = f" is better than the base in {metric}, {figures} ({ends}), allowed for that it is the best of "
    else:
        said = f" has the highest {metric}, {figures}, which can be chance ({ends}), for it is the best of "
    lines: list[Line] = [(Quote(best.revision.name), f"{said}{len(comparison.ranked)}.")]
    return lines + [("Left out: ", Quote(reason), ".") for reason in comparison.left_out]


def ranked_section(comparison: Comparison) -> Section:
    rows: list[list[Cell]] = []
    for item in comparison.ranked:
        change = item.change
        known = "better" if change.low > 0 else "worse" if change.high < 0 else ""
        ends = f"{signed(change.low)} to {signed(change.high)}"
        rows.append([Quote(item.revision.name), Quote(params_text(item.params)), item.score])
        rows[-1] += [signed(change.difference), ends, f"{change.p_value:.3f}", known]
    columns = ["experiment", "params", comparison.metric, "change", "95 % interval", "p", "beyond chance"]
    line = "The intervals hold for all experiments together with 95 %, and p is corrected for their number (max-T)."
    return Section("Ranked", [(line,)], [Table(columns, rows)], charts=[ranked_chart(comparison)])


def params_text(params: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in params.items()) or "(as the base)"


def ranked_chart(comparison: Comparison) -> Chart:
    """Return the change of each experiment with its interval, the best on top."""
    rows = [
        {
            "experiment": item.revision.name,
            "params": params_text(item.params),
            "change": round(item.change.difference, 5),
            "low": round(item.change.low, 5),
            "high": round(item.change.high, 5),
        }
        for item in comparison.ranked[:40]
    ]
    title = f"change in {comparison.metric}"
    place = {"field": "experiment", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 160}}
    low = {"field": "low", "type": "quantitative", "title": title}
    zero = {"mark": {"type": "rule", "color": "#9aa5b1"}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}}
    layers = [
        zero,
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": "#2563eb"},
            "encoding": {"y": place, "x": low, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "color": "#2563eb", "tooltip": {"content": "data"}},
            "encoding": {"y": place, "x": {**low, "field": "change"}},
        },
    ]
    specification = {"height": max(120, 26 * len(rows)), "data": {"values": rows}, "layer": layers}
    return Chart(f"Change in {comparison.metric}, with intervals that hold for all", specification)


def seeds_section(comparison: Comparison) -> Section:
    """Return mean and spread of each recipe over its seeds. Nothing here is a test: there are too few seeds for one."""
    rows: list[list[Cell]] = []
    for recipe in comparison.recipes:
        scores = recipe.scores
        rows.append([Quote(params_text(recipe.params)), scores.count, scores.mean, f"{scores.spread:.4f}"])
        rows[-1] += [f"{number(scores.lowest)} to {number(scores.highest)}", outlives(recipe, comparison.recipes[0])]
    columns = ["recipe", "seeds", f"mean {comparison.metric}", "spread", "range", "difference from the base's recipe"]
    line = (
        "The spread is the standard deviation over seeds. A difference outlives the seeds where every seed of the one "
    )
    line += "recipe is above every seed of the other; three seeds are too few for a test."
    return Section("Over the seeds", [(line,)], [Table(columns, rows)])


def outlives(recipe: Recipe, first: Recipe) -> str:
    if recipe is first:
        return ""
    if min(recipe.scores.count, first.scores.count) < 2:
        return "one seed says nothing"
    return "outlives the seeds" if recipe.outlives else "does not outlive the seeds"


def params_section(comparison: Comparison) -> Section:
    """Return the importance of each param that varies, and every experiment as a line across the params."""
    keys = list(comparison.importance) or sorted({key for item in comparison.ranked for key in item.params})
    if not keys:
        return Section("Params")
    rows: list[list[Cell]] = [[Quote(key), value] for key, value in comparison.importance.items()]
    line = "Importance: by how much a random forest explains the score worse when the param is shuffled."
    if not rows:
        line = f"Fewer than {FEWEST_FOR_IMPORTANCE} experiments say nothing of the importance of a param."
    tables = [Table(["param", "importance"], rows)] if rows else []
    return Section("Params", [(line,)], tables, [parallel_chart(comparison, keys[:AXES])])


def parallel_chart(comparison: Comparison, keys: list[str]) -> Chart:
    """Return parallel coordinates: an axis a param, each from its lowest to its highest value, and the score last."""
    axes = [*keys, comparison.metric]
    places = {key: axis_places(key, comparison.ranked) for key in keys}
    scores = [item.score for item in comparison.ranked]
    low, width = min(scores), max(scores) - min(scores) or 1.0
    rows = []
    for item in comparison.ranked:
        for key in axes:
            value = item.score if key == comparison.metric else item.params.get(key, "as the base")
            place = (item.score - low) / width if key == comparison.metric else places[key][str(value)]
            row = {"axis": key, "place": round(place, 4), "value": str(value), "experiment": item.revision.name}
            rows.append({**row, comparison.metric: item.score})
    colour = {"field": comparison.metric, "type": "quantitative", "scale": {"scheme": "viridis"}}
    encoding = {
        "x": {
            "field": "axis",
            "type": "nominal",
            "sort": axes,
            "title": None,
            "axis": {"labelAngle": -30, "labelLimit": 140},
        },
        "y": {"field": "place", "type": "quantitative", "title": "lowest to highest value", "axis": {"labels": False}},
        "color": colour,
        "detail": {"field": "experiment"},
    }
    layers = [
        {"mark": {"type": "line", "opacity": 0.7}},
        {"mark": {"type": "point", "filled": True, "tooltip": {"content": "data"}}},
    ]
    specification = {"height": HEIGHT, "data": {"values": rows}, "encoding": encoding, "layer": layers}
    return Chart("Params and score of each experiment", specification)


def axis_places(key: str, ranked: list[Ranked]) -> dict[str, float]:
    """Return where each value of a param stands on its axis, from 0 to 1: numbers in order, before words."""
    values = {item.params.get(key, "as the base") for item in ranked if not isinstance(item.params.get(key), list)}
    words = {str(item.params.get(key, "as the base")) for item in ranked} - {str(value) for value in values}
    ordered = sorted(
        values, key=lambda value: (isinstance(value, str), value if isinstance(value, (int, float)) else 0, str(value))
    )
    names = [*map(str, ordered), *sorted(words)]
    return {name: place / max(1, len(names) - 1) for place, name in enumerate(dict.fromkeys(names))}

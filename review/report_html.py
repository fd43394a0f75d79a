"""Write a report as one HTML file that needs nothing else, and its picture for where no page can stand."""

import json
from functools import cache
from pathlib import Path
from threading import Lock

from review.blocks import Cell, Chart, Line, Quote, Report, number

TEXT_CHARACTERS = 600  # of a text in a table
TABLE_ROWS = 200
PICTURE_WIDTH = 420  # pixels, of each chart
VEGA_LITE = "6.4"
BUNDLING = Lock()  # so that a second thread waits for the first, and does not do its work again


def as_html(report: Report) -> str:
    """Return the report as a page that asks nothing of the network: its policy forbids it, too."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"parts": parts, "cell": cell_text, "specification": specification}
    charts = any(section.charts for section in report.sections)
    page = environment.get_template("report.html.jinja")
    return page.render(report=report, rows=TABLE_ROWS, scripts=vega_scripts() if charts else "")


def parts(line: Line) -> list[tuple[bool, str]]:
    """Return the parts of a line, and for each whether it is a user's text."""
    return [(True, part.short(TEXT_CHARACTERS)) if isinstance(part, Quote) else (False, part) for part in line]


def cell_text(cell: Cell) -> str:
    if isinstance(cell, Quote):
        return cell.short(TEXT_CHARACTERS)
    return "" if cell is None else cell if isinstance(cell, str) else number(cell)


def specification(chart: Chart) -> str:
    """Return a chart as JSON that can stand in a page: no user's text can end the script that it stands in."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": "container", **chart.specification}
    return json.dumps(whole, ensure_ascii=False).replace("<", "\\u003c")


def vega_scripts() -> str:
    """Return Vega, Vega-Lite and Vega-Embed in one script, from the package that draws the picture, too."""
    with BUNDLING:
        return bundled()


@cache
def bundled() -> str:
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE).replace(
        "</script", "<\\/script"
    )


def picture(charts: list[Chart]) -> bytes:
    """Return charts, two in a row, as a PNG."""
    import vl_convert

    views = [{**chart.specification, "title": chart.title, "width": PICTURE_WIDTH} for chart in charts]
    whole = {"concat": views, "columns": 2, "resolve": {"scale": {"color": "independent"}}, "background": "white"}
    return vl_convert.vegalite_to_png(whole, vl_version=VEGA_LITE, scale=2)

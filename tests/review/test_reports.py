"""A report is safe to open, fits where it is put, and needs no network."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from review.blocks import Chart, Quote, Report, Section, Table, number, signed
from review.report_html import as_html, picture
from review.report_markdown import MOST_CHARACTERS, as_markdown

EVIL = [
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=alert(1)>",
    "| a | b |\n| --- | --- |",
    "`code` ``more`` @someone #12 https://example.org [x](javascript:alert(1))",
    "\u202eright to left\u202c \x00 \x1b[31m",
    "",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def report_of(texts: list[str], rows: int = 1, title: str = "Review of change against main") -> Report:
    table = Table(["label", "text"], [[Quote(text), Quote(text)] for _ in range(rows) for text in texts])
    values = [{"slice": text, "difference": place / 10} for place, text in enumerate(texts)]
    bars = {
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "y": {"field": "slice", "type": "nominal"},
            "x": {"field": "difference", "type": "quantitative"},
        },
    }
    sections = [
        Section(f"Part {place}", [("Of ", Quote(texts[0]))], [table], [Chart("Slices", bars)]) for place in (1, 2)
    ]
    return Report(title, [("The verdict on ", Quote(texts[0]), ".")], True, sections)


@pytest.mark.parametrize("text", EVIL)
def test_texts_stay_texts_in_markdown(text: str) -> None:
    html = (
        MarkdownIt("commonmark", {"html": True, "linkify": False})
        .enable("table")
        .render(as_markdown(report_of([text])))
    )
    inside = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    assert "<script" not in inside
    assert "<img" not in inside
    assert "<a " not in inside
    assert "@someone" not in inside
    assert "\u202e" not in html
    assert html.count("<table>") == 2
    assert html.count("<td>") == 4


@pytest.mark.parametrize("text", EVIL)
def test_texts_stay_texts_in_html(text: str) -> None:
    page, harmless = as_html(report_of([text])), as_html(report_of(["harmless"]))
    for tag in ("<script", "</script", "<img", "<a ", "<td", "<table"):
        assert page.count(tag) == harmless.count(tag)  # Vega's own are in both


def test_markdown_fits_a_comment_whatever_the_data() -> None:
    huge = report_of(["x" * 100_000, "`" * 5_000, "|" * 5_000], rows=10_000)
    sections = [Section(f"Section {place}", tables=huge.sections[0].tables) for place in range(60)]
    text = as_markdown(Report(huge.title, huge.lines, None, sections))
    assert len(text) < MOST_CHARACTERS
    assert "Left out, to fit a comment, and in the HTML report: Section" in text
    assert "… and 29,980 more" in text
    endless = as_markdown(Report("t" * 90_000, [("word " * 90_000,)] * 50, False, []))
    assert len(endless) < MOST_CHARACTERS


def test_html_of_many_long_texts_stays_below_five_megabytes() -> None:
    huge = report_of(["é" * 100_000, "<" * 100_000], rows=100_000)
    sections = [Section(f"Section {place}", tables=huge.sections[0].tables) for place in range(3)]
    assert len(as_html(Report(huge.title, huge.lines, True, [huge.sections[0], *sections])).encode()) < 5_000_000


def test_numbers_are_short() -> None:
    assert [number(value) for value in (3, 0.1234, 12.345, 23_194_372)] == ["3", "0.1234", "12.35", "23,194,372"]
    assert [signed(value) for value in (0.01, -0.01, 0.0)] == ["+0.0100", "-0.0100", "0.0000"]


def test_the_picture_is_a_picture() -> None:
    assert picture(report_of(["a", "b"]).sections[0].charts)[:8] == b"\x89PNG\r\n\x1a\n"


def find_browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if not found:
        pytest.skip("no Chromium here: the page is not opened")
    return found


def open_page(page: Path, folder: Path, width: int, *options: str) -> str:
    """Open a page in a real browser, with the network off, and return its document once it is drawn."""
    command = [find_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},900", "--virtual-time-budget=10000"]
    done = subprocess.run(
        [*command, *options, "--dump-dom", page.as_uri()], check=True, text=True, capture_output=True, timeout=120
    )
    return done.stdout


PROBE = """<script>
const asked = [];
const note = list => asked.push(...list.getEntries().map(entry => entry.name));
new PerformanceObserver(note).observe({type: "resource", buffered: true});
setTimeout(() => {
  const page = document.documentElement, drawn = [...document.querySelectorAll(".chart svg")];
  document.body.dataset.asked = JSON.stringify(asked);
  document.body.dataset.wide = page.scrollWidth - page.clientWidth;
  document.body.dataset.charts = drawn.filter(chart => chart.getBoundingClientRect().width > 100).length;
}, 3000);
</script></body>"""


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_draws_its_charts_without_the_network(tmp_path: Path, width: int) -> None:
    report = report_of([*EVIL[:4], "a long text " * 60], rows=5)
    page = tmp_path / "review.html"
    page.write_text(PROBE.join(as_html(report).rsplit("</body>", 1)), encoding="utf-8")
    document = open_page(page, tmp_path / "profile", width)
    probed = dict(re.findall(r'data-(asked|wide|charts)="([^"]*)"', document))
    assert probed == {"asked": "[]", "wide": "0", "charts": "2"}
    assert "<title>Review of change against main</title>" in document


def test_no_column_of_a_chart_depends_on_how_many_rows_there_are() -> None:
    from review.charts import POINTS, confusion_chart, curves, thinned

    many = pd.DataFrame({"fpr": np.linspace(0, 1, 1_000_000), "tpr": np.linspace(0, 1, 1_000_000)})
    assert len(thinned(many)) <= POINTS
    assert thinned(many)["fpr"].iloc[-1] == 1
    drawn = curves("ROC", {"base": many, "head": many}, "fpr", "tpr", True)
    random = np.random.default_rng(0)
    confused = pd.DataFrame({"actual": random.integers(3, size=100_000), "predicted": random.integers(3, size=100_000)})
    square = confusion_chart("base", confused)
    assert drawn
    assert square
    assert len(json.dumps(drawn.specification)) < 100_000
    assert len(square.specification["data"]["values"]) == 9
    assert sum(cell["rows"] for cell in square.specification["data"]["values"]) == 100_000

"""Write a report as Markdown that fits a comment on a pull request."""

import re
from itertools import accumulate

from review.blocks import Cell, Line, Quote, Report, Section, Table, number
from review.comment import MARKER

MOST_CHARACTERS = 60_000  # GitHub takes 65,536
TEXT_CHARACTERS = 160  # of a text in a table
TABLE_ROWS = 20
LINES, LINE_CHARACTERS = 40, 1000  # of the verdict
SIGNS = {True: "✅", False: "❌", None: "❔"}


def as_markdown(report: Report) -> str:
    """Return the report, below MOST_CHARACTERS: what is too much is left out from the end, and said."""
    lines = [line_text(line)[:LINE_CHARACTERS] for line in report.lines[:LINES]]
    head = [MARKER, f"## {SIGNS[report.passed]} {escape(report.title[:LINE_CHARACTERS])}", *lines]
    sections = [section for section in report.sections if section.lines or section.tables]
    texts = [section_text(section) for section in sections]
    room = MOST_CHARACTERS - sum(len(part) + 2 for part in head) - LINE_CHARACTERS
    kept = sum(total <= room for total in accumulate(len(text) + 2 for text in texts))
    left_out = ", ".join(escape(section.title) for section in sections[kept:])[:LINE_CHARACTERS]
    note = [f"Left out, to fit a comment, and in the HTML report: {left_out}"] if left_out else []
    return "\n\n".join([*head, *texts[:kept], *note])[: MOST_CHARACTERS - 2] + "\n"


def section_text(section: Section) -> str:
    body = "\n\n".join([*map(line_text, section.lines), *map(table_text, section.tables)])
    title = escape(section.title)
    if section.folded:
        return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
    return f"### {title}\n\n{body}"


def line_text(line: Line) -> str:
    return "".join(code(part) if isinstance(part, Quote) else escape(part) for part in line)


def table_text(table: Table) -> str:
    rows = [f"| {' | '.join(cell_text(cell) for cell in row)} |" for row in table.rows[:TABLE_ROWS]]
    left_out = table.left_out + max(0, len(table.rows) - TABLE_ROWS)
    head = f"| {' | '.join(map(escape, table.columns))} |\n|{' --- |' * len(table.columns)}"
    title = f"**{escape(table.title)}**\n\n" if table.title else ""
    rest = f"\n\n… and {left_out:,} more" if left_out else ""
    return title + "\n".join([head, *rows]) + rest


def cell_text(cell: Cell) -> str:
    if isinstance(cell, Quote):
        return code(cell).replace("|", r"\|")  # GitHub takes the stroke for the end of a cell, in code too
    if cell is None:
        return ""
    return escape(cell) if isinstance(cell, str) else number(cell)


def code(quote: Quote) -> str:
    """Return a user's text as code, in which neither markup, links nor names of people are looked for."""
    text = quote.short(TEXT_CHARACTERS) or "(empty)"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def escape(text: str) -> str:
    """Return our own words, with what Markdown would take for markup made harmless."""
    return re.sub(r"([\\`*_\[\]<>|#@])", r"\\\1", text)

"""What a report is made of. A report in Markdown and one in HTML are two ways to write the same blocks.

Text that comes from users (rows, labels, names of branches, values of params) is a `Quote` wherever it stands, so that
each of the two can keep it from being read as markup.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Quote:
    text: str

    def short(self, most: int) -> str:
        """Return the text on one line, cut to `most` characters, without characters that don't show."""
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in self.text[: 4 * most]).split())
        return line if len(line) <= most else line[: most - 1] + "…"


Cell = str | Quote | int | float | None
Line = tuple[str | Quote, ...]


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[Cell]]
    title: str = ""
    left_out: int = 0  # further rows, which are counted and not shown


@dataclass(frozen=True)
class Chart:
    title: str
    specification: dict[str, Any]  # Vega-Lite, with its data in it


@dataclass(frozen=True)
class Section:
    title: str
    lines: list[Line] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    folded: bool = False  # of less weight: closed until asked for


@dataclass(frozen=True)
class Report:
    title: str
    lines: list[Line]  # the verdict, and what the gate says
    passed: bool | None  # None: can't be judged
    sections: list[Section]


def number(value: float) -> str:
    """Return a number as reports show it."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"


def signed(value: float) -> str:
    """Return a difference as reports show it."""
    return f"{'+' if value > 0 else ''}{number(value)}"

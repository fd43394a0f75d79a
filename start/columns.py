"""Guess which column is the text and which the label."""

import re
import sys
from collections.abc import Set

import pandas as pd

from stages.common.errors import UserError
from stages.prepare_data.bad_rows import shown
from start.several import count_labels

TEXT_NAMES = {"text", "review", "sentence", "content", "message", "comment", "body", "document", "tweet", "title"}
TEXT_NAMES |= {"description", "headline", "question", "utterance"}
LABEL_NAMES = {"label", "class", "category", "target", "sentiment", "topic", "intent", "rating", "stars", "y"}
LABEL_NAMES |= {"emotion", "overall", "polarity", "score"}
WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")  # of a column's name: two of reviewText and of gold_label
MOST_CLASSES = 500  # a column with more values is hardly the label


def guess_columns(rows: pd.DataFrame, text: str | None, label: str | None) -> tuple[str, str]:
    """Return the names of the text's and the label's column: those given, or those that look most like them.

    Raises:
        UserError: when there is no candidate, or a name given isn't there.
    """
    columns = shown(list(rows.columns), 20)
    for flag, name in (("--text-column", text), ("--label-column", label)):
        if name is not None and name not in rows.columns:
            raise UserError(f"{flag}: there is no column {name!r}; the columns are {columns}")
    text = text or choose("text", likely_texts(rows.drop(columns=[label] if label else [])))
    if text is None:
        raise UserError(f"no column holds texts; the columns are {columns}")
    label = label or choose("label", likely_labels(rows.drop(columns=text)))
    if label is None:
        raise UserError(
            f"no column looks like a label, with 2 to {MOST_CLASSES} values; the columns are {columns}: say "
            "--label-column"
        )
    return text, label


def likely_texts(rows: pd.DataFrame) -> list[str]:
    """Return the columns that hold texts, by name or else by length; the likeliest first."""
    columns = [column for column in rows.columns if rows[column].map(lambda value: isinstance(value, str)).any()]
    lengths = {column: rows[column].astype(str).str.len().mean() for column in columns}
    found = sorted(called(columns, TEXT_NAMES) or columns, key=lambda column: -lengths[column])
    return [column for column in found if lengths[column] > lengths[found[0]] / 2]


def likely_labels(rows: pd.DataFrame) -> list[str]:
    """Return the columns with few values, by name or else all; the likeliest first."""
    values = {column: count_labels(rows[column]) for column in rows.columns}
    most = min(MOST_CLASSES, max(2, len(rows) // 2))
    few = [column for column in rows.columns if 2 <= values[column] <= most]
    return called(few, LABEL_NAMES) or few


def choose(kind: str, likely: list[str]) -> str | None:
    """Return the first of some columns, or the one that somebody at the terminal chooses."""
    if len(likely) < 2:
        return next(iter(likely), None)
    if sys.stdin.isatty():
        while (answer := input(f"Which column is the {kind}: {', '.join(likely)}? ").strip()) not in likely:
            print(f"there is no such column: {answer!r}")
        return answer
    pair = "; or, if a row is a pair of texts, --text-pair-column" if kind == "text" else ""
    print(f"the {kind} may also be {', '.join(likely[1:])}: then say --{kind}-column{pair}")
    return likely[0]


def called(columns: list[str], names: Set[str]) -> list[str]:
    """Return the columns that have one of these names, or else those with one among the words of theirs."""
    words = {column: {word.lower() for word in WORD.findall(column)} for column in columns}
    return [column for column in columns if name_fits(column, names)] or [
        column for column in columns if words[column] & names
    ]


def name_fits(column: str, names: Set[str]) -> bool:
    return column.strip().lower() in names or column.strip().lower().rstrip("s") in names

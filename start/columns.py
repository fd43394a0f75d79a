"""Guess which column is the text and which the label, and how characters are encoded."""

import codecs
import sys
from pathlib import Path

import pandas as pd

from stages.common.errors import UserError
from stages.prepare_data.bad_rows import shown
from stages.prepare_data.files import MARKS, SAMPLE_BYTES, TEXT_SUFFIXES, likely_encoding, odd_part, open_data

TEXT_NAMES = ("text", "review", "sentence", "content", "message", "comment", "body", "document", "tweet", "title")
LABEL_NAMES = ("label", "class", "category", "target", "sentiment", "topic", "intent", "rating", "stars", "y")
MOST_CLASSES = 500  # a column with more values is hardly the label


def told_encoding(path: Path) -> str | None:
    """Return the encoding of a text file that is not UTF-8 and has no byte-order mark, else None; it is said.

    Raises:
        UserError: when none fits.
    """
    if path.is_dir():
        return None
    with open_data(path) as file:
        if file.suffix not in TEXT_SUFFIXES:
            return None
        decoder = codecs.getincrementaldecoder("utf-8")()
        chunk = file.content.read(SAMPLE_BYTES)
        if any(chunk.startswith(mark) for mark, _ in MARKS):
            return None
        try:
            while decoder.decode(chunk, final=not chunk) or chunk:
                chunk = file.content.read(SAMPLE_BYTES)
            return None
        except UnicodeDecodeError as error:
            around = error.object[max(0, error.start - SAMPLE_BYTES // 2) :][:SAMPLE_BYTES]
    guess = likely_encoding(around)
    if guess is None:
        raise UserError(f"{path} is not UTF-8, and no other encoding fits: save it as UTF-8")
    name, text = guess
    print(f"{path} is not UTF-8: as {name} it reads {odd_part(text)!r}. If that is wrong, save it as UTF-8.")
    return name


def guess_columns(rows: pd.DataFrame, text: str | None, label: str | None) -> tuple[str, str]:
    """Return the names of the text's and the label's column: those given, or those that look most like them.

    Where several might be the label, it is asked for, if somebody is there to answer.

    Raises:
        UserError: when there is no candidate, or a name given isn't there.
    """
    for flag, name in (("--text-column", text), ("--label-column", label)):
        if name is not None and name not in rows.columns:
            raise UserError(f"{flag}: there is no column {name!r}; the columns are {shown(list(rows.columns), 20)}")
    columns = [column for column in rows.columns if rows[column].map(lambda value: isinstance(value, str)).any()]
    lengths = {column: rows[column].astype(str).str.len().mean() for column in columns if column != label}
    text = text or max(lengths, key=lambda column: (name_fits(column, TEXT_NAMES), lengths[column]), default=None)
    if text is None:
        raise UserError(f"no column holds texts; the columns are {shown(list(rows.columns), 20)}")
    few = {
        column: rows[column].astype(str).nunique()
        for column in rows.columns
        if column != text and 2 <= rows[column].astype(str).nunique() <= min(MOST_CLASSES, max(2, len(rows) // 2))
    }
    likely = [column for column in few if name_fits(column, LABEL_NAMES)] or list(few)
    if label is None and len(likely) > 1 and sys.stdin.isatty():
        label = input(f"Which column is the label: {', '.join(likely)}? ").strip()
        return guess_columns(rows, text, label)
    label = label or (likely[0] if likely else None)
    if label is None:
        raise UserError(
            f"no column looks like a label, with 2 to {MOST_CLASSES} values; the columns are "
            f"{shown(list(rows.columns), 20)}: say --label-column"
        )
    if len(likely) > 1:
        print(f"the label may also be {', '.join(name for name in likely if name != label)}: then say --label-column")
    return text, label


def name_fits(column: str, names: tuple[str, ...]) -> bool:
    return column.strip().lower() in names or column.strip().lower().rstrip("s") in names

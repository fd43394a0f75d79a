"""What a row and an input are."""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

TEXT_CHARACTERS = 2_000_000  # of a text: its tokens take about 80 bytes of memory a character
RECORD_SIZE = 16_000_000  # bytes of a line, characters of a csv record: more isn't read
SHOWN = 1000  # characters in the output of what is too long to be read
NOT_UTF8 = "not UTF-8"
SURROGATE = re.compile("[\ud800-\udfff]")  # what stands in a str for bytes that are not UTF-8
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and which are added."""

    text: str = "text"
    text_pair: str | None = None  # the second text, of pairs
    label: str | None = None  # the true label, where there is one
    top: int | None = None  # how many labels a row is given; None is one, or all that reach their threshold
    several: bool = False  # whether a row may be given any number of labels
    separator: str | None = None  # between them, in formats that hold no lists

    @property
    def texts(self) -> list[str]:
        return [self.text] if self.text_pair is None else [self.text, self.text_pair]

    @property
    def added(self) -> list[str]:
        if self.several:
            return ["predicted_labels", "predicted_probabilities", "error"]
        others = [
            f"predicted_{what}_{place}" for place in range(2, (self.top or 1) + 1) for what in ("label", "probability")
        ]
        return ["predicted_label", "predicted_probability", *others, "error"]

    def values(self, answers: list[tuple[str, float]]) -> list[Any]:
        """Return what stands in the columns that are added but for the error."""
        if self.several:
            return [[label for label, _ in answers], [probability for _, probability in answers]]
        return [value for answer in answers for value in answer]


@dataclass
class Row:
    """A row of an input, and its prediction."""

    place: str  # FILE:ROW
    fields: dict[str, Any]
    texts: list[str]  # one, or two of a pair
    error: str
    size: int  # bytes that it takes, roughly
    end: int  # bytes of all inputs up to its end, roughly
    block: object  # what it was read from: a file, or a record batch of one
    index: int = 0  # its place in the record batch
    lines: int = 1  # that it takes in its file
    answers: list[tuple[str, float]] = field(default_factory=list)  # labels and probabilities, the likeliest first

    def record(self, columns: Columns) -> dict[str, Any]:
        """Return the fields with those that the prediction adds."""
        values = [] if self.error else columns.values(self.answers)
        values = values or [None] * (len(columns.added) - 1)
        return {**self.fields, **dict(zip(columns.added, [*values, self.error], strict=True))}


@dataclass
class Source:
    """An input: a file, or standard input where `path` is None."""

    path: Path | None
    format: str
    columns: Columns
    offset: int = 0  # bytes of the inputs before it
    stored: Any = None  # what was read from standard input, where it is read twice

    def __post_init__(self) -> None:
        self.name = self.path.name if self.path else "standard input"
        self.size = self.path.stat().st_size if self.path else 0  # in bytes

    def open(self) -> BinaryIO:
        return self.path.open("rb") if self.path else sys.stdin.buffer

    def row(self, number: int, fields: dict[str, Any], error: str, size: int, position: int) -> Row:
        """Make a row of its fields, with an error where it has none yet and its texts can't be used."""
        names = self.columns.texts
        for name in names:
            error = error or mistake_in(name, fields.get(name))
        texts = ["" if error else str(fields[name]) for name in names]
        for name in names:
            if isinstance(text := fields.get(name), str) and len(text) > RECORD_SIZE:
                fields[name] = text[:SHOWN]
        return Row(f"{self.name}:{number}", fields, texts, error, size, self.offset + position, block=self)


def mistake_in(name: str, text: Any) -> str:
    """Return what is wrong with the value of a text's column."""
    if text is None:
        return f"no {name}"
    if not isinstance(text, str):
        return f"{name} is not a string but {json.dumps(text, default=str)[:40]}"
    if len(text) > TEXT_CHARACTERS:
        return f"{name} has {len(text):,} characters, and at most {TEXT_CHARACTERS:,} are read"
    if SURROGATE.search(text):
        return f"{name} holds half of a character (a lone surrogate)"
    return ""


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())

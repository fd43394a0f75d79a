"""Read the rows of files that hold one a line: txt and jsonl."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from predict.rows import NOT_UTF8, RECORD_SIZE, SHOWN, SURROGATE, Row, Source, one_line

TOO_LONG = f"the line is longer than {RECORD_SIZE:,} bytes"


def read_txt(source: Source, file: BinaryIO) -> Iterator[Row]:
    for number, line, position, error in read_lines(file):
        fields, not_text = as_text(source, line)
        yield source.row(number, fields, error or not_text, len(line), position)


def read_jsonl(source: Source, file: BinaryIO) -> Iterator[Row]:
    """Read an object from each line; blank lines are passed over, but count. What is no object stands as the text."""
    for number, line, position, error in read_lines(file):
        if not line.strip():
            continue
        fields: dict[str, Any] = {}
        if not error:
            fields, error = parse_object(line, source.columns.added)
        if error and not fields:
            fields, _ = as_text(source, line)
        yield source.row(number, fields, error, len(line), position)


def as_text(source: Source, line: bytes) -> tuple[dict[str, Any], str]:
    """Return a line as the text of its row, and what is wrong with it."""
    try:
        return {source.columns.text: line.decode()}, ""
    except UnicodeDecodeError:
        return {source.columns.text: line.decode(errors="replace")}, NOT_UTF8


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes, int, str]]:
    """Read each line with its number, the position of its end, and what is wrong with it."""
    number = position = 0
    while line := (rest := file.readline(RECORD_SIZE)):
        number += 1
        position += len(line)
        while len(rest) == RECORD_SIZE and not rest.endswith(b"\n"):
            rest = file.readline(RECORD_SIZE)
            position += len(rest)
        too_long = len(line) == RECORD_SIZE
        line = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").removesuffix(b"\n").removesuffix(b"\r")
        yield number, line[: SHOWN if too_long else None], position, TOO_LONG if too_long else ""


def parse_object(line: bytes, added: list[str]) -> tuple[dict[str, Any], str]:
    """Return the fields of a JSON object, and what is wrong with it; no fields of what is not one."""
    try:
        fields = json.loads(line.decode())
    except UnicodeDecodeError:
        return {}, NOT_UTF8
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON: {one_line(error)}"
    if not isinstance(fields, dict):
        return {}, "not a JSON object"
    if any(map(SURROGATE.search, fields)):
        return {}, "a field's name holds half of a character (a lone surrogate)"
    taken = [name for name in added if name in fields]
    return fields, f"has a field {taken[0]} already, which the prediction adds" if taken else ""

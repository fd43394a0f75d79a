"""Read files that are one text each, as in a folder for each label."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from predict.line_files import as_text
from predict.rows import RECORD_SIZE, REPLACEMENT, SHOWN, SURROGATE, Row, Source

ADDED = ("label", "file")  # columns beside the text: the name of the folder that a file is in, and the file's path
TOO_LONG = f"the file is longer than {RECORD_SIZE:,} bytes"
TOGETHER = object()  # the block of all rows: those of many files are predicted at once


def read_whole(source: Source, file: BinaryIO) -> Iterator[Row]:
    """Read the one row of a file."""
    assert source.path is not None, "standard input is txt or jsonl"
    content = file.read(RECORD_SIZE + 1)
    too_long = len(content) > RECORD_SIZE
    fields, error = as_text(source, content.removeprefix(codecs.BOM_UTF8)[: SHOWN if too_long else None])
    names = (source.path.absolute().parent.name, str(source.path))
    fields |= {column: SURROGATE.sub(REPLACEMENT, name) for column, name in zip(ADDED, names, strict=True)}
    row = source.row(1, fields, TOO_LONG if too_long else error, len(content), len(content))
    row.block = TOGETHER
    yield row


def files_in(names: list[str]) -> list[str]:
    """Return the files, and those in the folders at any depth, in order, but for hidden ones."""
    found = []
    for name in names:
        folder = Path(name)
        inside = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        shown = sorted(path for path in inside if not any(part.startswith(".") for part in path.parts))
        found += [str(folder / path) for path in shown] if folder.is_dir() else [name]
    return found

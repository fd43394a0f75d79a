"""Tell how a file's characters are encoded."""

import codecs
from pathlib import Path
from typing import IO

from stages.common.errors import UserError
from stages.prepare_data.files import (
    SAMPLE_BYTES,
    TEXT_SUFFIXES,
    likely_encoding,
    marked_encoding,
    odd_part,
    open_data,
)


def told_encoding(path: Path, one_text: bool = False) -> str | None:
    """Return the encoding of a text file that is not UTF-8 and has no byte-order mark, else None; it is said.

    Args:
        one_text: whether it is one, whatever its suffix.

    Raises:
        UserError: when none fits.
    """
    if path.is_dir():
        return None
    if one_text:
        with path.open("rb") as content:
            around = other_encoding(content)
    else:
        with open_data(path) as file:
            around = other_encoding(file.content) if file.suffix in TEXT_SUFFIXES else None
    if around is None:
        return None
    guess = likely_encoding(around)
    if guess is None:
        raise UserError(f"{path} is not UTF-8, and no other encoding fits: save it as UTF-8")
    name, text = guess
    print(f"{path} is not UTF-8: as {name} it reads {odd_part(text)!r}. If that is wrong, save it as UTF-8.")
    return name


def other_encoding(content: IO[bytes]) -> bytes | None:
    """Return bytes that show that a text is not UTF-8, or None where it is, or its first bytes say what it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = content.read(SAMPLE_BYTES)
    if marked_encoding(chunk):
        return None
    if b"\0" in chunk:  # as in UTF-16
        return chunk
    try:
        while decoder.decode(chunk, final=not chunk) or chunk:
            chunk = content.read(SAMPLE_BYTES)
    except UnicodeDecodeError as error:
        return error.object[max(0, error.start - SAMPLE_BYTES // 2) :][:SAMPLE_BYTES]
    return None

"""Put what others wrote into Markdown so that it stands there as it is."""

import re

SPECIAL = re.compile(r"([\\`*_\[\]<>|&~$])")  # what CommonMark and tables take for markup within a line


def escape(text: str) -> str:
    """Return a text as one line of plain Markdown, also within a table."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code_span(text: str) -> str:
    """Return a text as code within a line, whatever backticks are in it."""
    text = " ".join(text.split())
    fence = "`" * (longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def code_block(text: str, language: str) -> str:
    """Return a text as a block of code, whatever fences are in it."""
    fence = "`" * max(3, longest_run(text) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)

"""Tell the labels of a row apart: a list, as such or as JSON or Python write one, or one text with a separator."""

import ast
import json
import re
from typing import Any

import numpy as np

RUN_TOGETHER = re.compile(r"""['"]\s+['"]""")  # NumPy writes no commas, and Python would join the two names


def labels_in(value: Any, separator: str | None) -> list[Any] | None:
    """Return the labels that a value holds, None where they can't be told.

    An empty value holds none, and a separator before the first label or after the last one stands for nothing.
    """
    if is_list(value):
        return read_list(value)
    text = "" if value is None else str(value).strip()
    if not text:
        return []
    if separator is None:
        return [value]
    parts = [part.strip() for part in text.split(separator)]
    first, end = int(parts[0] == ""), len(parts) - int(parts[-1] == "")
    return list(parts[first:end])


def is_list(value: object) -> bool:
    """Say whether a value is a list of labels, as a list or as Python or JSON would write one."""
    return isinstance(value, list | tuple | dict | set | np.ndarray) or (
        isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]")
    )


def read_list(value: Any) -> list[Any] | None:
    """Return the items of a list, None where they can't be told or are no single values."""
    if isinstance(value, str):
        if RUN_TOGETHER.search(value):
            return None
        written = value.strip()
        try:
            value = json.loads(written)
        except ValueError:
            try:
                value = ast.literal_eval(written)
            except (ValueError, SyntaxError):
                return None
    if not isinstance(value, list | tuple | set | np.ndarray):
        return None
    return None if any(map(is_list, value)) else list(value)

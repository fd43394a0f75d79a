"""Write outputs whole or not at all, and metrics in one form."""

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

DECIMALS = 4  # of numbers in metrics
SIGNIFICANT_DIGITS = 6  # of numbers in tables


@contextmanager
def whole_output(path: Path) -> Iterator[Path]:
    """Give a sibling of `path` to write to, and rename it to `path` when the block ends well.

    The block makes a file or a folder at the path it is given. When it fails, what it wrote is removed and
    whatever stood at `path` stays as it was.
    """
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(partial)
    try:
        yield partial
        if partial.is_dir():
            remove(path)
        partial.replace(path)
    except BaseException as error:
        error.add_note(str(path))  # for the message about a full disk: not every library names the file
        raise
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys and numbers rounded to DECIMALS, or to one digit where none would be left.

    Raises:
        ValueError: naming the key of a number that is not finite.
    """
    with whole_output(path) as partial:
        partial.write_text(json.dumps(_rounded(content), indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, with its numbers rounded to SIGNIFICANT_DIGITS."""
    with whole_output(path) as partial:
        table.to_csv(partial, index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n")


def _rounded(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {str(name): _rounded(item, f"{key}.{name}".lstrip(".")) for name, item in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{key} is {value}: metrics must be finite")
        return round(value, DECIMALS) or float(f"{value:.0e}")
    return value

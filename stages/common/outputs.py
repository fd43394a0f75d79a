"""Write outputs whole or not at all, by one process at a time, and metrics in one form."""

import json
import math
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

DECIMALS = 4  # of numbers in metrics
SIGNIFICANT_DIGITS = 6  # of numbers in tables


@contextmanager
def whole_output(path: Path) -> Iterator[Path]:
    """Give a sibling of `path` to write to, and rename it to `path` when the block ends well.

    The block makes a file or a folder at the path it is given. When it fails, what it wrote is removed and
    whatever stood at `path` stays as it was. A second process that writes `path` waits for the first.
    """
    with scratch(path) as partial:
        yield partial
        set_usual_modes(partial)
        if partial.is_dir():
            remove(path)
        partial.replace(path)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Give a sibling of `path` to write to, and remove what the block leaves there."""
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        remove(partial)  # of a process that was killed
        try:
            yield partial
        except BaseException as error:
            error.add_note(str(path))  # for the message about a full disk: not every library names the file
            raise
        finally:
            remove(partial)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold `path` for this process, by a lock file beside it. A process that is killed lets go.

    Raises:
        filelock.Timeout: when another holds it, and this one is not to wait.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise
        print(f"waiting for another run that is at {path}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            Path(lock.lock_file).unlink()  # while it is held: a process that waits for it notices, and makes a new one
        lock.release()


def set_usual_modes(path: Path) -> None:
    """Give files the modes that the umask asks for: libraries that write by way of temporary files leave 0o600."""
    umask = os.umask(0)
    os.umask(umask)
    for file in [path, *path.rglob("*")]:
        mode = file.lstat().st_mode
        if not stat.S_ISLNK(mode):
            everything = 0o777 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o666
            file.chmod(everything & ~umask)


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

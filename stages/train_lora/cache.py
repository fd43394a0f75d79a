"""Folders that outlive a run, in the user's cache: each is found complete, by its checksums, or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from stages.common.outputs import remove, whole_output

SEAL = "sha256.json"


def cache_dir(kind: str) -> Path:
    """Return the folder for one kind of entry, which all clones and experiments of this user share."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lora-text-classifier" / kind


@contextmanager
def locked(entry: Path, wait: bool = True) -> Iterator[None]:
    """Hold an entry for this process; others wait. A process that is killed lets go.

    Raises:
        filelock.Timeout: when another holds it, and this one is not to wait.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(entry.with_name(f".{entry.name}.lock"), timeout=-1 if wait else 0):
        yield


def sweep(kind: str) -> None:
    """Remove what processes left half-written that were killed."""
    for partial in cache_dir(kind).glob(".*.partial"):
        entry = partial.with_name(partial.name.removeprefix(".").removesuffix(".partial"))
        with suppress(Timeout), locked(entry, wait=False):
            remove(partial)


def seal(entry: Path) -> None:
    """Write down the checksums of an entry's files: from now on it is complete."""
    with whole_output(entry / SEAL) as partial:
        partial.write_text(json.dumps(_checksums(entry)))


def intact(entry: Path) -> bool:
    """Say whether an entry is sealed and its files are as they were then."""
    try:
        return json.loads((entry / SEAL).read_text()) == _checksums(entry)
    except (OSError, ValueError):
        return False


def _checksums(entry: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in sorted(entry.iterdir()) if path.name != SEAL and path.is_file()}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

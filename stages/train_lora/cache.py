"""Folders that outlive a run, in the user's cache: each is found complete, by its checksums, or not at all."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from uuid import uuid4

from filelock import Timeout

from stages.common.errors import UserError
from stages.common.outputs import locked, remove, whole_output

SEAL = "sha256.json"
PACKAGES = {"predict", "scoring", "stages"}  # of this repository


def cache_dir(kind: str) -> Path:
    """Make and return the folder for one kind of entry, which all clones and experiments of this user share.

    Raises:
        UserError: when there can be no such folder.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "lora-text-classifier" / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"XDG_CACHE_HOME: {folder} can't be made ({error.strerror}): name another folder") from error
    return folder


@contextmanager
def held(entry: Path, wait: bool = True) -> Iterator[None]:
    """Hold an entry for this process, to make or to remove it.

    Raises:
        filelock.Timeout: when another holds it, and this one is not to wait.
    """
    with locked(entry.with_name(f"{entry.name}.held"), wait):
        yield


@contextmanager
def leased(entry: Path) -> Iterator[None]:
    """Keep others from removing an entry while this process reads it; many may hold a lease on one entry."""
    with locked(entry.with_name(f"{entry.name}.{uuid4().hex}.lease")):
        yield


def remove_unused(entry: Path) -> bool:
    """Remove an entry unless a process holds it or has a lease on it; return whether it was removed."""
    with suppress(Timeout), held(entry, wait=False):
        for lease in entry.parent.glob(f".{entry.name}.*.lease.lock"):
            with locked(locked_by(lease), wait=False):
                pass  # its process was killed: the lease is nobody's
        remove(entry)
        return True
    return False


def last_used(entry: Path) -> float:
    """Return when an entry was last used, in seconds since 1970; 0 when it is gone."""
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime
    return 0.0


def locked_by(lock: Path) -> Path:
    return lock.with_name(lock.name.removeprefix(".").removesuffix(lock.suffix))


def sweep(folder: Path) -> None:
    """Remove what killed processes left: half-written entries, and locks and leases that nobody holds."""
    for left in [*folder.glob(".*.partial"), *folder.glob(".*.lock")]:
        with suppress(Timeout), locked(locked_by(left), wait=False):
            if left.suffix == ".partial":
                remove(left)


def size(entry: Path) -> int:
    """Return the bytes of an entry's files; of one that goes away meanwhile, of those that are left."""
    total = 0
    for path in entry.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def seal(entry: Path) -> None:
    """Write down the checksums of an entry's files: from now on it is complete."""
    checksums = json.dumps(_checksums(entry))
    with whole_output(entry / SEAL) as partial:
        partial.write_text(checksums, encoding="utf-8")


def intact(entry: Path) -> bool:
    """Say whether an entry is sealed and its files are as they were then."""
    try:
        return json.loads((entry / SEAL).read_text(encoding="utf-8")) == _checksums(entry)
    except (OSError, ValueError):
        return False


def _checksums(entry: Path) -> dict[str, str]:
    files = (path for path in sorted(entry.iterdir()) if path.is_file())
    return {path.name: file_sha256(path) for path in files if path.name != SEAL and not path.name.startswith(".")}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(modules: Iterable[ModuleType]) -> str:
    """Return a hash of the source files of modules, wherever they lie."""
    files = {Path(module.__file__) for module in modules if module.__file__}
    return hashlib.sha256("".join(sorted(map(file_sha256, files))).encode()).hexdigest()


def loaded_modules() -> list[ModuleType]:
    """Return the modules of this repository that this process has imported."""
    root = Path(__file__).parents[2]
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    paths = [Path(str(module.__file__)) for module in modules]
    ours = {root / package for package in PACKAGES}
    return [module for module, path in zip(modules, paths, strict=True) if ours.intersection(path.parents)]

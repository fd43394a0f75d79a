"""Files that DVC keeps: their hashes, and single files out of the workspace, the cache or the remote."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from review.errors import Unavailable


def file_hash(content: bytes) -> str:
    """Return the hash by which DVC knows a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def folder_hash(files: dict[str, str]) -> str:
    """Return the hash by which DVC knows a folder, of the hashes of its files by path within it."""
    entries = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return file_hash(json.dumps(entries, sort_keys=True).encode()) + ".dir"


def hash_on_disk(path: Path) -> str | None:
    """Return the hash of a file or folder as it lies here; None where it isn't there."""
    if path.is_dir():
        inside = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        return folder_hash({name: file_hash(file.read_bytes()) for name, file in inside.items()})
    return file_hash(path.read_bytes()) if path.is_file() else None


def open_files(commit: str | None) -> tuple[Any, str | None]:
    """Return the files that DVC has of a commit, or of the workspace, and the name of the remote.

    Cache and remote are those that this clone is set up with: an older commit may name others, or none.
    """
    from dvc.api import DVCFileSystem  # takes a second
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    with Repo(".") as repo:
        config = {name: dict(repo.config[name]) for name in ("core", "cache", "remote")}
    return DVCFileSystem(".", rev=commit, config=config), config["core"].get("remote")


def copy_file(path: str, files: Any, remote: str | None, target: Path) -> None:
    """Copy a file of `open_files` to `target`; from a remote, only this one is read.

    Raises:
        Unavailable: when it can't be had, saying why.
    """
    try:
        files.get_file(path, str(target))
    except Exception as error:  # of any storage's client
        target.unlink(missing_ok=True)
        if not remote:
            raise Unavailable("is not in DVC's cache, and no remote is set (`dvc remote add --default`)") from error
        lost = isinstance(error, FileNotFoundError) or type(error).__name__ == "DataIndexDirError"
        reason = "not there (`dvc push` where it was made)" if lost else " ".join(str(error).split())
        raise Unavailable(f"is not in DVC's cache, and from the remote {remote}: {reason}") from error

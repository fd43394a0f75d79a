"""Run the command of a case in a folder, and keep track of what it changes there."""

import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bad_inputs import Case

IGNORED = {"__pycache__", ".git"}  # folders
Tree = dict[str, str]  # of each path in a folder, a hash of what is there


class Server:
    """The process that runs most cases."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("server.py")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(program)], stdin=pipe, stdout=pipe, text=True, env=environment({})
        )

    def run(self, case: Case, folder: Path) -> tuple[int | None, str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {
            "arguments": shlex.split(case.command),
            "folder": str(folder / case.folder),
            "environment": dict(case.environment),
            "stdin": case.stdin.hex(),
            "seconds": case.seconds,
            "address_space": case.address_space,
            "file_size": case.file_size,
        }
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        return answer["status"], answer["output"]

    def close(self) -> None:
        self.process.communicate()


def run_fresh(case: Case, folder: Path) -> tuple[int | None, str]:
    """Run the command of a case in a new process, as a user does."""
    words = shlex.split(case.command)
    command = words if words[0] == "dvc" else [sys.executable, "-m", *words]
    try:
        done = subprocess.run(
            command,
            cwd=folder / case.folder,
            env=environment(case.environment),
            input=case.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=case.seconds + 20,  # for the imports
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout.decode(errors="replace")


def environment(more: dict[str, str] | object) -> dict[str, str]:
    assert isinstance(more, dict)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **more}


@contextmanager
def broken(case: Case, folder: Path, whole: Path) -> Iterator[tuple[Tree, Tree]]:
    """Break a folder, a copy of `whole`, as a case says; undo it and all that has changed at the end."""
    good = tree(folder)
    try:
        case.how(folder)
        yield good, tree(folder)
    finally:
        restore(folder, whole, good, tree(folder))


def tree(folder: Path) -> Tree:
    found = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in [*folders, *files]:
            path = Path(parent, name)
            found[str(path.relative_to(folder))] = fingerprint(path)
    return found


def fingerprint(path: Path) -> str:
    kind = path.lstat()
    if stat.S_ISLNK(kind.st_mode):
        return f"link to {path.readlink()}"
    if not stat.S_ISREG(kind.st_mode):
        return f"kind {stat.S_IFMT(kind.st_mode)}"
    if not kind.st_mode & stat.S_IRUSR:
        return "unreadable"
    return f"{kind.st_mode} {content(path, kind.st_ino, kind.st_size, kind.st_mtime_ns, kind.st_ctime_ns)}"


@cache
def content(path: Path, *state: int) -> str:
    """Return a hash of a file, which is read once while its state stays the same."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def changes(before: Tree, after: Tree) -> list[str]:
    """Return the paths at which something else is, or nothing."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def restore(folder: Path, whole: Path, good: Tree, now: Tree) -> None:
    for name in reversed(changes(good, now)):  # what is inside a folder before it
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in changes(good, tree(folder)):
        source, path = whole / name, folder / name
        if source.is_dir() and not source.is_symlink():
            path.mkdir(exist_ok=True)
        else:
            shutil.copy2(source, path, follow_symlinks=False)

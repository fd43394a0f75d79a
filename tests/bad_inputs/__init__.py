"""The table of bad inputs: what a user can get wrong, and the line that says so.

Each file of `cases/` is an area with a list `CASES`. To add a case, append to it:

    Case(
        "rank-0",                                   # its name in pytest: -k rank-0
        "`lora.r` is 0",                            # what is broken, for docs/bad_inputs.md
        set_params(**{"lora.r": 0}),                # breaks a folder in which the tiny pipeline has run
        ["lora.r: greater than or equal to 1; however: 0"],  # one line for each mistake, in order; … is any text
        command="stages.train_lora",                # a module and its arguments; `dvc repro` for DVC itself
    )

`tests/test_bad_inputs.py` runs the real command in that folder and asserts the exit status, that nothing but these
lines follows `error:`, that there is no traceback, that it ends within `seconds`, and that no file has changed.
Most cases run in a fork of a process that has the libraries loaded, as `__main__`; `fresh` starts Python anew, which
takes seconds: for what must be known before imports. `make test` runs a fourth of the table, another at each commit,
`make nightly` all of it. `nightly` leaves a slow case to the latter. All: `pytest -m "" tests/test_bad_inputs.py`.

`make docs` writes docs/bad_inputs.md from the table.
"""

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

Break = Callable[[Path], None]
MB = 2**20
# The areas in the order of the page.
ORDER = ["params", "references", "data", "between", "caches", "exports", "predictions", "limits"]


@dataclass(frozen=True)
class Case:
    name: str
    broken: str
    how: Break
    lines: list[str]
    command: str = "stages.prepare_data"
    folder: str = "."  # where the command runs, within the clone
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    status: int = 1
    seconds: float = 10
    address_space: int | None = None  # bytes beyond what the libraries take
    file_size: int | None = None  # bytes of a file at most, as on a full disk
    fresh: bool = False
    nightly: bool = False
    leaves: tuple[str, ...] = ()  # patterns of files that may change, such as a log


def set_params(**changes: object) -> Break:
    """Set params by dotted key."""

    def apply(folder: Path) -> None:
        yaml = YAML()
        params = yaml.load(folder / "params.yaml")
        for key, value in changes.items():
            section, _, name = key.partition(".")
            params[section][name] = value
        yaml.dump(params, folder / "params.yaml")

    return apply


def write(path: str, content: str | bytes) -> Break:
    """Write a file anew, or in place of another."""

    def apply(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).unlink(missing_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)

    return apply


def replace(path: str, found: str, replacement: str) -> Break:
    """Replace a text in a file, which must be there once at least."""

    def apply(folder: Path) -> None:
        content = (folder / path).read_text(encoding="utf-8")
        assert found in content, f"{path} has no {found}"
        write(path, content.replace(found, replacement, 1))(folder)

    return apply


def cut(path: str, keep: float) -> Break:
    """Leave this fraction of a file, from its start."""

    def apply(folder: Path) -> None:
        content = (folder / path).read_bytes()
        write(path, content[: int(len(content) * keep)])(folder)

    return apply


def remove(path: str) -> Break:
    return lambda folder: (folder / path).unlink()


def fifo(path: str) -> Break:
    """Put a pipe, which nobody writes to, at a path."""
    return lambda folder: os.mkfifo(folder / path)


def both(*breaks: Break) -> Break:
    def apply(folder: Path) -> None:
        for each in breaks:
            each(folder)

    return apply


def nothing(folder: Path) -> None:
    """Break nothing: what is wrong is the command or the machine."""


def areas() -> dict[str, tuple[str, list[Case]]]:
    """Return for each area its title, the first line of its file, and its cases."""
    found = {}
    package = importlib.import_module(f"{__name__}.cases")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    for name in sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        module = importlib.import_module(f"{package.__name__}.{name}")
        found[name] = ((module.__doc__ or name).splitlines()[0].rstrip("."), module.CASES)
    return found

"""People who work on one project: clones that share a bare Git repository and a DVC remote."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tiny import REPOSITORY, Clone

PAGE = REPOSITORY / "docs/team.md"


class Team:
    """What the people share: `origin`, a bare Git repository, and `storage`, a folder for DVC's remote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.origin, self.storage = folder, folder / "origin.git", folder / "storage"
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", self.origin], check=True)

    def joins(self, name: str) -> Clone:
        """Clone `origin` for a person."""
        clone = Clone(self.folder / name)
        subprocess.run(["git", "clone", "--quiet", self.origin, clone.folder], check=True)
        clone.run("git", "config", "user.name", name)
        clone.run("git", "config", "user.email", f"{name}@example.com")
        let_make_run(clone)
        return clone


def let_make_run(clone: Clone) -> None:
    """Let `make` take the packages of this test run for the clone's own."""
    (clone.folder / ".venv").mkdir()
    for name in ("requirements.txt", ".venv/installed"):
        (clone.folder / name).touch()
    exclude = clone.folder / ".git/info/exclude"
    exclude.write_text(exclude.read_text() + "requirements.txt\n")


def tutorial(heading: str, words: Mapping[str, str] | None = None) -> list[str]:
    """Return the blocks of commands under a heading of docs/team.md, with words in them replaced."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for word, value in (words or {}).items():
        assert word in section, word
        section = section.replace(word, value)
    blocks = re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL)
    assert blocks, heading
    return blocks


def follow(clone: Clone, block: str, status: int = 0) -> str:
    """Run a block of commands as a person would, and stop at the first that fails."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write(block)
        script.flush()
        return clone.run("bash", "-e", script.name, status=status)

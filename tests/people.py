"""People who work on one project: clones that share a bare Git repository and a DVC remote."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from tiny import REPOSITORY, Clone

PAGE = REPOSITORY / "docs/team.md"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")


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
    programs = clone.folder / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "pip").symlink_to(Path(sys.executable).with_name("pip"))
    for name in (*REQUIREMENTS, ".venv/installed", ".venv/tools-installed"):
        (clone.folder / name).touch()
    exclude = clone.folder / ".git/info/exclude"
    exclude.write_text("\n".join([exclude.read_text(), *REQUIREMENTS]))


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


SMALL_STAGE = """
import json, sys, time
from ruamel.yaml import YAML
section = YAML(typ="safe").load(open("params.yaml"))[sys.argv[1]]
time.sleep(section.get("seconds", 0))
print(json.dumps(section), file=open(f"metrics/{sys.argv[1]}.json", "w"))
print(json.dumps(section), file=open(f"{sys.argv[1]}.txt", "w"))
"""
SMALL_PARAMS = """\
lora:
  r: 8  # the rank
  alpha: 16
  seconds: 0
evaluate:
  resamples: 2000
  seed: 0
"""


def small_project(folder: Path) -> Clone:
    """Make a DVC project of two stages that take no time, and run it: its results are its params."""
    clone = Clone(folder)
    (folder / "metrics").mkdir(parents=True)
    clone.run("git", "init", "--quiet", "--initial-branch", "main")
    clone.run("git", "config", "user.name", "ann")
    clone.run("git", "config", "user.email", "ann@example.com")
    clone.run("dvc", "init", "--quiet")
    clone.run("dvc", "config", "core.analytics", "false")
    stages = {
        name: {
            "cmd": f"python stage.py {name}",
            "deps": ["stage.py", *before],
            "params": [name],
            "outs": [f"{name}.txt"],
            "metrics": [{f"metrics/{name}.json": {"cache": False}}],
        }
        for name, before in (("lora", []), ("evaluate", ["lora.txt"]))
    }
    model = {"text-classifier": {"path": "evaluate.txt", "type": "model"}}
    YAML().dump({"stages": stages, "artifacts": model}, folder / "dvc.yaml")
    (folder / "stage.py").write_text(SMALL_STAGE)
    (folder / "params.yaml").write_text(SMALL_PARAMS)
    clone.run("dvc", "repro", "--quiet")
    clone.commit("Start")
    return clone

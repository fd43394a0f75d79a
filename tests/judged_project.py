"""What tests of the review start from: a project whose results are made up, and branches of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from judged import Judged, commit_results, judged_clone, made_model, made_rows, write_results
from tiny import Clone, made_once

from review.__main__ import main

ROWS = 400
GATE = "review/gate.yaml"
Review = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def base_judged() -> Judged:
    """The model of main."""
    return made_model(made_rows(ROWS), accuracy=0.9, seed=0)


@pytest.fixture(scope="session")
def judged(shared: Path, base_judged: Judged) -> Clone:
    """A clone with made-up results on main. Copy it before changing it."""
    return Clone(made_once(shared / "judged", lambda folder: judged_clone(folder, base_judged)))


@pytest.fixture
def project(judged: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A copy of that clone, on a branch, and the folder that is open."""
    folder = tmp_path / "project"
    shutil.copytree(judged.folder, folder, symlinks=True)
    monkeypatch.chdir(folder)
    clone = Clone(folder)
    clone.run("git", "checkout", "--quiet", "-b", "change")
    return clone


@pytest.fixture
def review(capsys: pytest.CaptureFixture[str]) -> Review:
    """A function that runs the command here and returns its status, what it printed, and the errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([*arguments, *([] if "--committed" in arguments else ["--resamples", "300"])])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def change(project: Clone) -> Callable[..., None]:
    """A function that commits another model's results on the branch."""

    def commit(model: Judged, **results: object) -> None:
        write_results(project.folder, model, **results)  # type: ignore[arg-type]
        commit_results(project, "Another model")

    return commit

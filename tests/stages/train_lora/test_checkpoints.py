"""Checkpoints: named by what decides a run, kept for a while, removed by one process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import REPOSITORY

from stages.common.errors import UserError
from stages.train_lora import cache, checkpoints
from stages.train_lora.checkpoints import KEPT_DAYS, checkpoint_dir


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache.cache_dir("checkpoints")


def abandon(folder: Path, days: float, size: int = 1) -> Path:
    checkpoint = folder / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_bytes(bytes(size))
    before = time.time() - days * 86400
    for path in (checkpoint, folder):
        os.utime(path, (before, before))
    return folder


def test_runs_given_up_long_ago_lose_their_checkpoints(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recent, old = abandon(home / "ab", KEPT_DAYS - 1), abandon(home / "cd", KEPT_DAYS + 1)
    (home / ".cd.held.lock").touch()  # of the killed run
    with checkpoint_dir("ef"):
        assert sorted(path.name for path in home.glob("[0-9a-f]*")) == ["ab", "ef"]
    assert f"removed checkpoints of a run given up {KEPT_DAYS + 1} days ago (0 MB): {old}" in capsys.readouterr().err
    assert list(home.iterdir()) == [recent]  # no locks, either


def test_the_oldest_go_when_they_take_too_much(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "KEPT_BYTES", 10_000)
    for name, days in (("ab", 3), ("cd", 1), ("ef", 2)):
        abandon(home / name, days, size=4000)
    with cache.held(home / "ab"), checkpoint_dir("01"):
        assert (home / "ab").exists()  # a run that goes on is left alone
    with checkpoint_dir("01"):
        assert sorted(path.name for path in home.glob("[0-9a-f]*")) == ["01", "cd"]


@pytest.mark.parametrize(("rank", "left"), [(0, []), (1, ["ab"])])
def test_on_a_mistake_the_first_process_alone_removes_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, rank: int, left: list[str]
) -> None:
    monkeypatch.setattr(checkpoints, "RANK", rank)
    with pytest.raises(UserError), checkpoint_dir("ab"):
        raise UserError("a mistake")
    assert [path.name for path in home.iterdir()] == left


def test_a_run_is_named_by_the_code_that_training_imports() -> None:
    program = """
import stages.train_lora.__main__
from pathlib import Path
from stages.train_lora import cache
print(*{Path(module.__file__).relative_to(Path.cwd()) for module in cache.loaded_modules()})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, text=True, stdout=subprocess.PIPE
    )
    files = set(done.stdout.split())
    assert {"stages/train_lora/fit.py", "stages/train_lora/__main__.py", "stages/common/model.py"} <= files
    assert not any(name.startswith(("stages/export", "stages/evaluate", "stages/prepare_data")) for name in files)

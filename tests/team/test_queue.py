"""Experiments that run side by side all finish, with the results that they have one after the other."""

import io
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from people import follow, let_make_run, tutorial
from tiny import Clone, edit_params

RANKS = [2, 3, 4, 5, 6, 7]
QUICK = {"train.epochs": 1, "evaluate.resamples": 50, "export.onnx": False}
METRICS = ["accuracy", "log_loss", "training_loss", "validation_loss", "temperature", "megabytes.adapter"]


@pytest.fixture
def quick(clone: Clone) -> Clone:
    let_make_run(clone)
    edit_params(clone.folder, **QUICK)
    clone.commit("Quick experiments")
    return clone


def results(clone: Clone) -> pd.DataFrame:
    """Return the metrics of a clone's experiments by rank."""
    shown = pd.read_csv(io.StringIO(clone.run("dvc", "exp", "show", "--csv", "--no-pager")))
    finished = shown[(shown["rev"] != "workspace") & shown["lora.r"].isin(RANKS)].set_index("lora.r").sort_index()
    columns = [name for name in map(str, finished) if name.rpartition(":")[2] in METRICS]
    assert {name.rpartition(":")[2] for name in columns} == set(METRICS)
    return finished[columns].astype(float)


def wait(clone: Clone, minutes: float) -> None:
    end = time.monotonic() + 60 * minutes
    while "Queued" in (status := clone.run("dvc", "queue", "status")) or "Running" in status:
        assert time.monotonic() < end, status
        time.sleep(5)
    assert status.count("Success") == len(RANKS), status


@pytest.mark.nightly
def test_six_experiments_on_two_workers(quick: Clone, tmp_path: Path) -> None:
    other = Clone(shutil.copytree(quick.folder, tmp_path / "other", symlinks=True))
    queue, look = tutorial("Run many experiments at once")
    follow(quick, queue)
    wait(quick, 20)
    follow(quick, look)
    for rank in RANKS:
        other.run("dvc", "exp", "run", "--set-param", f"lora.r={rank}")
    together, alone = results(quick), results(other)
    assert list(together.index) == RANKS
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


@pytest.mark.nightly
def test_two_temporary_experiments_at_once(quick: Clone) -> None:
    commands = [["dvc", "exp", "run", "--temp", "--set-param", f"lora.r={rank}"] for rank in RANKS[:2]]
    running = [subprocess.Popen(command, cwd=quick.folder, stdout=subprocess.PIPE, text=True) for command in commands]
    for process in running:
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
    assert list(results(quick).index) == RANKS[:2]

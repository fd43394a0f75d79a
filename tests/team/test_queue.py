"""Experiments that run side by side all finish, with the results that they have one after the other."""

import io
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from people import follow, tutorial
from tiny import Clone

RANKS = [2, 3, 4, 5, 6, 7]
METRICS = ["training_loss", "validation_loss", "trainable_parameters"]
STAGE = "train-lora"  # the others would take four times as long


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
def test_six_experiments_on_two_workers(clone: Clone, tmp_path: Path) -> None:
    other = Clone(shutil.copytree(clone.folder, tmp_path / "other", symlinks=True))
    queue, look = tutorial("Run many experiments at once", {"--queue": f"--queue {STAGE}"})
    follow(clone, queue)
    wait(clone, 20)
    follow(clone, look)
    for rank in RANKS:
        other.run("dvc", "exp", "run", STAGE, "--set-param", f"lora.r={rank}")
    together, alone = results(clone), results(other)
    assert list(together.index) == RANKS
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


@pytest.mark.nightly
def test_two_temporary_experiments_at_once(clone: Clone) -> None:
    (command,) = tutorial("Run two experiments now")

    def run(rank: int) -> str:
        return follow(clone, command.replace("lora.r=4", f"lora.r={rank}").replace("--temp", f"--temp {STAGE}"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, RANKS[:2]))
    assert list(results(clone).index) == RANKS[:2]

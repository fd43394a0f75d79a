"""Training that is killed at any moment ends as if it had not been; training that goes wrong says so."""

import multiprocessing
import os
import random
import shutil
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import REPOSITORY, Clone, edit_params

from stages.train_lora import cache

# imports once what every training process needs, so that a kill costs less than a second
os.environ["PYTHONPATH"] = str(REPOSITORY)  # where the fork server looks
if sys.platform == "win32":
    pytest.skip("Windows has no fork server", allow_module_level=True)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["stages.train_lora.__main__"])


def train_in(folder: Path, cache_home: Path, disk_bytes: int) -> None:
    os.chdir(folder)
    sys.argv = ["stage"]  # not pytest's
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (disk_bytes, resource.RLIM_INFINITY))
    os.environ |= {"XDG_CACHE_HOME": str(cache_home), "OMP_NUM_THREADS": "1"}
    import torch

    from stages.common.errors import run_stage
    from stages.train_lora.__main__ import main

    torch.set_num_threads(1)
    with Path("training.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        run_stage(main, "train-lora")


def start(clone: Clone, cache_home: Path, disk_bytes: int = -1) -> BaseProcess:
    process = PROCESSES.Process(target=train_in, args=(clone.folder, cache_home, disk_bytes))
    process.start()
    return process


def outputs(clone: Clone) -> dict[str, bytes]:
    paths = [*(clone.folder / "models/adapter").iterdir(), clone.folder / "metrics/train.json"]
    paths += [clone.folder / "metrics/plots/training.csv", clone.folder / "metrics/plots/validation.csv"]
    return {path.name: path.read_bytes() for path in paths}


def unfinished(cache_home: Path) -> list[Path]:
    return list((cache_home / "lora-text-classifier/checkpoints").glob("[0-9a-f]*"))


@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.nightly)])
def test_a_run_killed_at_random_moments_ends_with_the_same_adapter(clone: Clone, tmp_path: Path, times: int) -> None:
    expected = outputs(clone)
    adapter = clone.folder / "models/adapter"
    choose = random.Random(0)
    for run in ("cold", "warm"):  # the first also waits for the fork server's imports
        started = time.monotonic()
        process = start(clone, tmp_path / run)
        process.join()
        undisturbed = time.monotonic() - started
    kills = 0
    while kills < times:
        shutil.rmtree(adapter, ignore_errors=True)
        process = start(clone, tmp_path / "cache")
        process.join(timeout=choose.uniform(0, undisturbed))
        if process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
            continue
        assert process.exitcode == 0, clone.read("training.log")
        assert outputs(clone) == expected
    process = start(clone, tmp_path / "cache")
    process.join()
    assert process.exitcode == 0, clone.read("training.log")
    assert outputs(clone) == expected
    assert clone.read("training.log").count("going on from") >= times // 5
    assert unfinished(tmp_path / "cache") == []
    assert not list(adapter.parent.glob(".*partial"))


def kill_after_checkpoints(clone: Clone, cache_home: Path, count: int) -> Path:
    """Train until `count` checkpoints are sealed, kill, and return the run's folder of checkpoints."""
    shutil.rmtree(clone.folder / "models/adapter", ignore_errors=True)
    process = start(clone, cache_home)
    while sum(1 for _ in cache_home.glob(f"*/checkpoints/*/*/{cache.SEAL}")) < count:
        assert process.exitcode is None, clone.read("training.log")
        time.sleep(0.01)
    process.kill()
    process.join()
    (run,) = unfinished(cache_home)
    return run


def last(run: Path) -> Path:
    return max(run.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def test_training_in_bfloat16_learns_what_float32_does(clone: Clone, tmp_path: Path) -> None:
    logits = []
    for dtype in ("float32", "bfloat16"):
        edit_params(clone.folder, **{"train.dtype": dtype, "lora.dropout": 0.0, "lora.target_modules": "all-linear"})
        shutil.rmtree(clone.folder / "models/adapter")
        process = start(clone, tmp_path / dtype)
        process.join()
        assert process.exitcode == 0, clone.read("training.log")
        logits.append(load_file(clone.folder / "models/adapter/logits.safetensors")["validation"])
    assert np.mean(logits[0].argmax(axis=1) == logits[1].argmax(axis=1)) > 0.9
    assert (logits[0] != logits[1]).any()


def test_fewer_steps_than_logging_steps_still_log_a_loss(clone: Clone, tmp_path: Path) -> None:
    edit_params(clone.folder, **{"train.logging_steps": 1000})
    process = start(clone, tmp_path)
    process.join()
    assert process.exitcode == 0, clone.read("training.log")
    assert len(clone.read("metrics/plots/training.csv").splitlines()) == 2


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "optimizer.pt", "trainer_state.json", cache.SEAL])
def test_a_checkpoint_cut_short_is_passed_over(clone: Clone, tmp_path: Path, file: str) -> None:
    expected = outputs(clone)
    run = kill_after_checkpoints(clone, tmp_path / "cache", 2)
    damaged = last(run) / file
    damaged.write_bytes(damaged.read_bytes()[:-7])
    process = start(clone, tmp_path / "cache")
    process.join()
    assert process.exitcode == 0, clone.read("training.log")
    assert outputs(clone) == expected
    assert f"{last(run).name if run.exists() else damaged.parent.name} is incomplete or damaged" in clone.read(
        "training.log"
    )


def test_other_params_do_not_go_on_from_these_checkpoints(clone: Clone, tmp_path: Path) -> None:
    run = kill_after_checkpoints(clone, tmp_path / "cache", 1)
    edit_params(clone.folder, **{"train.weight_decay": 0.02})
    process = start(clone, tmp_path / "cache")
    process.join()
    assert process.exitcode == 0, clone.read("training.log")
    assert "going on from" not in clone.read("training.log")
    assert unfinished(tmp_path / "cache") == [run]


def test_a_full_disk_is_one_line_and_training_goes_on_afterwards(clone: Clone, tmp_path: Path) -> None:
    expected = outputs(clone)
    shutil.rmtree(clone.folder / "models/adapter")
    full = start(clone, tmp_path / "cache", disk_bytes=2**16)  # every write past it fails, as on a full disk
    full.join()
    assert full.exitcode == 1
    assert clone.read("training.log").strip().splitlines()[-1].startswith("error: no room to write")
    assert not (clone.folder / "models/adapter").exists()
    process = start(clone, tmp_path / "cache")
    process.join()
    assert process.exitcode == 0, clone.read("training.log")
    assert outputs(clone) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train.learning_rate": 1e-9, "train.epochs": 1},
            "error: training collapsed: the model gives every validation text one class",
        ),
        ({"train.learning_rate": 1000.0, "train.max_grad_norm": 1e30}, "error: training diverged: "),
    ],
)
def test_training_that_goes_wrong_fails_and_leaves_nothing(
    clone: Clone, tmp_path: Path, changes: dict[str, float], message: str
) -> None:
    shutil.rmtree(clone.folder / "models/adapter")
    edit_params(clone.folder, **changes)
    process = start(clone, tmp_path / "cache")
    process.join()
    assert process.exitcode == 1
    assert message in clone.read("training.log")
    assert not list((clone.folder / "models").glob("*adapter*"))
    assert unfinished(tmp_path / "cache") == []

"""The pipeline is stopped at any moment, in any way: the next run ends as if nothing had been, and nothing is left."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tiny import Clone

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)
KILLS = 40
HOW = [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGTERM, True)]
HOW += [(signal.SIGINT, True), (signal.SIGINT, False)]  # True for the whole group; dvc alone takes no notice of INT
OUTPUTS = ("data/prepared", "data/tokenized", "data/evaluation", "models/adapter", "models/export")


def start(clone: Clone, cache_home: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start `dvc repro` in a group of its own, as a shell does; before it, do what `make repro` does."""
    remove_empty_rwlock(clone)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"XDG_CACHE_HOME": str(cache_home), "OMP_NUM_THREADS": "1"}
    with (clone.folder / "repro.log").open("ab") as log:
        command = ["dvc", "repro", "--no-run-cache", *options]
        return subprocess.Popen(
            command, cwd=clone.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def remove_empty_rwlock(clone: Clone) -> None:
    """Remove DVC's own list of who reads and writes, when it is empty.

    DVC (3.67) writes it in place: killed at that moment, it leaves an empty file and from then on refuses to run.
    """
    rwlock = clone.folder / ".dvc/tmp/rwlock"
    if rwlock.exists() and not rwlock.stat().st_size and not running_in(clone):
        print("removed an empty rwlock")
        rwlock.unlink()


def send(process: subprocess.Popen[bytes], how: signal.Signals, group: bool) -> None:
    if process.poll() is None:
        os.killpg(process.pid, how) if group else process.send_signal(how)


def running_in(clone: Clone) -> list[psutil.Process]:
    """Return the processes that work in a clone."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(clone.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_until_none_runs(clone: Clone, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while (left := running_in(clone)) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == [], clone.read("repro.log")


def half_written(clone: Clone) -> list[Path]:
    folders = [clone.folder / name for name in ("data", "models", "metrics")]
    return [path for folder in folders for pattern in (".*.partial", ".*.lock") for path in folder.rglob(pattern)]


def check_result(clone: Clone, cache_home: Path, lock: str) -> None:
    wait_until_none_runs(clone)
    assert clone.read("dvc.lock").splitlines() == lock.splitlines()
    assert "up to date" in clone.run("dvc", "status")
    assert half_written(clone) == []
    assert [path for path in cache_home.glob("lora-text-classifier/checkpoints/*") if path.is_dir()] == []


def test_a_second_run_beside_the_stage_of_a_killed_dvc_gives_the_same_export(clone: Clone, tmp_path: Path) -> None:
    lock, home = clone.read("dvc.lock"), tmp_path / "cache"
    killed = start(clone, home, "--force", "--single-item", "export")
    while not (clone.folder / "models/.export.partial").exists():
        assert killed.poll() is None, clone.read("repro.log")
        time.sleep(0.01)
    send(killed, signal.SIGKILL, group=False)
    killed.wait()
    second = start(clone, home, "--single-item", "export")
    assert second.wait() == 0, clone.read("repro.log")
    check_result(clone, home, lock)


@pytest.mark.nightly
@pytest.mark.parametrize("at_once", [1, 2])
def test_a_pipeline_killed_at_random_moments_gives_the_same_lock(clone: Clone, tmp_path: Path, at_once: int) -> None:
    lock, home = clone.read("dvc.lock"), tmp_path / "cache"
    choose = random.Random(at_once)
    started = time.monotonic()
    assert start(clone, home, "--force").wait() == 0, clone.read("repro.log")
    undisturbed = time.monotonic() - started
    reset(clone)
    kills = finished = 0
    while kills < KILLS // 2:
        runs = [start(clone, home) for _ in range(at_once)]  # of two, dvc lets one wait or refuses it
        wait_for_a_moment(clone, runs, choose, undisturbed)
        how, group = HOW[kills % len(HOW)]
        hit = choose.choice(runs)
        if running := hit.poll() is None:
            send(hit, how, group)
            kills += 1
            print(f"{how.name} to {'the group' if group else 'dvc alone'}", flush=True)
        statuses = [run.wait() for run in runs]
        assert running or 0 in statuses, clone.read("repro.log")
        if (clone.folder / "models/export").exists() and start(clone, home).wait() == 0:
            check_result(clone, home, lock)
            finished += 1
            reset(clone)
    assert start(clone, home).wait() == 0, clone.read("repro.log")
    check_result(clone, home, lock)
    print(f"{kills} kills, {finished} complete runs between them")


def wait_for_a_moment(
    clone: Clone, runs: list[subprocess.Popen[bytes]], choose: random.Random, undisturbed: float
) -> None:
    """Wait for a random part of the pipeline's time, or, every second time, until something is half written."""
    end = time.monotonic() + choose.uniform(0, undisturbed / 3)
    writing = choose.random() < 0.5
    while time.monotonic() < end and any(run.poll() is None for run in runs):
        if writing and half_written(clone):
            return
        time.sleep(0.02)


def reset(clone: Clone) -> None:
    """Take away all results, and nothing else: what dvc and the stages keep for themselves stays."""
    (clone.folder / "dvc.lock").unlink(missing_ok=True)
    for name in OUTPUTS:
        shutil.rmtree(clone.folder / name, ignore_errors=True)

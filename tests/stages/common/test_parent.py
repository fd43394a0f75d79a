"""A stage ends with the program that runs it, however that one is stopped."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tiny import REPOSITORY

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)
STAGE = """
import os, time
from pathlib import Path
from stages.common.errors import run_stage
from stages.common.outputs import whole_output

def main():
    with whole_output(Path(os.environ["OUTPUT"])) as partial:
        partial.write_text("half")
        print("running", flush=True)
        time.sleep(60)

run_stage(main, "tokenize")
"""
# runs what it is given, by way of a shell that stays, as dvc may
RUNNER = """
import subprocess, sys
subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *sys.argv[1:]])
"""


def ends_within(process: psutil.Process, seconds: float) -> bool:
    with suppress(psutil.TimeoutExpired):
        process.wait(seconds)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def start(output: Path, settings: dict[str, str]) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a runner with a stage, and return both once the stage runs."""
    command = [sys.executable, "-c", RUNNER, sys.executable, "-c", STAGE]
    environment = (
        {name: value for name, value in os.environ.items() if name != "DVC_STAGE"} | settings | {"OUTPUT": str(output)}
    )
    runner = subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE)
    assert runner.stdout
    assert runner.stdout.readline() == "running\n"
    *_, stage = psutil.Process(runner.pid).children(recursive=True)
    return runner, stage


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stage_ends_with_dvc(tmp_path: Path, how: signal.Signals) -> None:
    runner, stage = start(tmp_path / "output", {"DVC_STAGE": "train-lora"})
    runner.send_signal(how)
    runner.wait()
    assert ends_within(stage, 10)
    assert list(tmp_path.iterdir()) == []  # the half-written output is removed


def test_a_launched_process_ends_with_the_stage_that_launched_it(tmp_path: Path) -> None:
    launching = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    runner, stage = start(tmp_path / "output", {"STAGE_ENDS_WITH": str(launching.pid)})
    launching.kill()
    launching.wait()
    assert ends_within(stage, 10)
    runner.wait()


def test_a_stage_started_by_hand_outlives_its_terminal(tmp_path: Path) -> None:
    runner, stage = start(tmp_path / "output", {})
    runner.kill()
    runner.wait()
    time.sleep(1.5)
    assert stage.is_running()
    stage.kill()

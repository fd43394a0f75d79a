"""Threads that wait give way to other programs, however a stage is started."""

import os
import subprocess
import sys

import pytest
from tiny import REPOSITORY

STARTS = ["stages.prepare_data", "stages.tokenize", "stages.train_lora", "stages.evaluate", "stages.export"]
STARTS += ["bench.train", "bench.predict", "bench.company"]
PROGRAM = """
import os, runpy, sys

def stop_at_a_library(event, arguments):
    if event == "import" and arguments[0] in ("numpy", "torch", "sklearn", "datasets", "onnxruntime"):
        print(os.environ.get("GOMP_SPINCOUNT"), flush=True)
        os._exit(0)

sys.addaudithook(stop_at_a_library)
runpy.run_module(sys.argv[1], run_name="__main__")
"""


def spin_count(start: str, **settings: str) -> str:
    """Return GOMP_SPINCOUNT as the first library that a program loads finds it."""
    unset = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | settings
    command = [sys.executable, "-c", PROGRAM, start]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True).stdout.strip()


@pytest.mark.parametrize("start", STARTS)
def test_threads_sleep_soon_before_any_library_is_loaded(start: str) -> None:
    assert spin_count(start) == "1000"


def test_the_users_own_choice_stands() -> None:
    assert spin_count("stages.train_lora", GOMP_SPINCOUNT="7") == "7"
    assert spin_count("stages.train_lora", OMP_WAIT_POLICY="ACTIVE") == "None"

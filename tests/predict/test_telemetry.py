"""Nothing that this repository runs tells others about it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from exported import Runner
from tiny import REPOSITORY

TELLING = ("CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")  # where set, ONNX Runtime tells nothing


def untold(environment: dict[str, str], home: Path) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if name not in TELLING}
    return {**kept, "HOME": str(home)}


def files_of(home: Path) -> list[str]:
    return [path.name for path in home.rglob("*") if path.is_file()]


def test_the_exported_program_leaves_no_device_id(predict: Runner, exported: Path, tmp_path: Path) -> None:
    Runner(exported, untold(predict.environment, tmp_path))("a good film")
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("module", ["stages.export.onnx_graph", "stages.export.__main__", "predict.classifier"])
def test_neither_do_the_stages(tmp_path: Path, module: str) -> None:
    command = [sys.executable, "-c", f"import {module}; import onnxruntime"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=untold({**os.environ}, tmp_path))
    assert [name for name in files_of(tmp_path) if name in ("deviceid", "onnxruntime.db")] == []


def test_without_the_switch_there_would_be_one(tmp_path: Path) -> None:
    """Else the tests above prove nothing."""
    subprocess.run([sys.executable, "-c", "import onnxruntime"], check=True, env=untold({**os.environ}, tmp_path))
    assert "deviceid" in files_of(tmp_path)

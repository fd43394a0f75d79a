"""What the user or the machine is short of is one line; a fault of ours stays a traceback."""

import ast
import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from tiny import REPOSITORY, Clone

from stages.common.errors import UserError, run_stage
from stages.common.outputs import whole_output


def ended(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> str | int | None:
    """Return what `run_stage` exits with when a stage raises."""

    def main() -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["stage"])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    with pytest.raises(SystemExit) as end:
        run_stage(main, "evaluate")
    return end.value.code


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("lora.r: too large"), "error: lora.r: too large"),
        (OSError(errno.ENOSPC, "No space left on device", "models/x"), "error: no room to write models/x"),
        (OSError(errno.EFBIG, "File too large", "x"), "error: no room to write x, since files may not be larger here"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "error: no room to write a file"),
        (RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed writing"), "error: no room"),
        (OSError("4096 requested and 512 written"), "error: no room to write a file"),  # numpy's
        (MemoryError(), "error: not enough memory (Python says no more): give it more, or less"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "error: not enough memory (Default"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "error: not enough memory ("),
        (PermissionError(errno.EACCES, "Permission denied", "models"), "error: models: Permission denied"),
    ],
)
def test_what_the_machine_is_short_of_is_one_line(error: Exception, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended(error, monkeypatch)
    assert isinstance(found, str)
    assert found.startswith(line)
    assert "\n" not in found
    hidden = ValueError("a library's own")
    hidden.__cause__ = error
    if not isinstance(error, UserError):
        assert ended(hidden, monkeypatch) == found


def test_a_real_failure_to_allocate_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError) as error:
        np.ones(2**55)
    assert str(ended(error.value, monkeypatch)).startswith("error: not enough memory (Unable to allocate 256.")


def test_a_full_disk_names_the_output_where_a_library_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SafetensorError) as error, whole_output(tmp_path / "adapter"):
        raise SafetensorError("I/O error: No space left on device (os error 28)")
    assert f"no room to write {tmp_path / 'adapter'}" in str(ended(error.value, monkeypatch))


@pytest.mark.parametrize(
    "error", [KeyError("loss"), FileNotFoundError(errno.ENOENT, "No such file", "x"), ValueError()]
)
def test_a_fault_of_ours_stays_a_traceback(error: Exception, small: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where code is being worked on."""

    def main() -> None:
        raise error

    (small.folder / "stage.py").write_text("# new")
    monkeypatch.chdir(small.folder)
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(type(error)) as raised:
        run_stage(main, "evaluate")
    assert raised.value is error


def interrupted(folder: Path, stage: str, seconds: float | None) -> tuple[int, str]:
    """Run a stage, press Ctrl-C after a while, or while torch loads; return its exit status and what it printed."""
    command = [sys.executable, "-m", f"stages.{stage}"]
    with subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        time.sleep(seconds or 0)
        while seconds is None and "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
    return process.returncode, output


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux, to see what a process loads")
def test_ctrl_c_while_libraries_load_is_one_line() -> None:
    assert interrupted(REPOSITORY, "evaluate", None) == (130, "stopped\n")


@pytest.mark.nightly
@pytest.mark.parametrize("stage", ["prepare_data", "tokenize", "train_lora", "evaluate", "export"])
def test_ctrl_c_at_any_time_is_one_line_and_changes_nothing(clone: Clone, stage: str) -> None:
    stopped = 0
    for half_seconds in range(2, 16):
        status, output = interrupted(clone.folder, stage, half_seconds / 2)
        assert "Traceback" not in output
        assert status in (0, 130), output
        stopped += status == 130
        assert not list(clone.folder.glob("*/.*.partial"))
    assert stopped >= 3


def test_an_old_python_is_told_which_one_is_needed() -> None:
    ast.parse((REPOSITORY / "stages/__init__.py").read_text(encoding="utf-8"), feature_version=(3, 7))
    program = (
        "import runpy, sys; sys.version_info = (3, 10, 4, 'final', 0); sys.argv = ['-m'];"
        "runpy.run_module('stages.tokenize', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=False, text=True, stderr=subprocess.PIPE
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.11 or newer is needed; however: 3.")
    assert done.stderr.count("\n") == 1


def test_a_stage_takes_no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/tokenize.py", "--max-length", "8"])
    with pytest.raises(SystemExit, match=r"a stage takes no arguments, .*however: --max-length"):
        run_stage(lambda: None, "tokenize")

"""An output has one owner, is whole or not there, and has the modes that the umask asks for."""

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import IO

import pytest
from tiny import REPOSITORY

from stages.common.outputs import locked, whole_output

WRITER = """
import sys
from pathlib import Path
from stages.common.outputs import whole_output

output, name = Path(sys.argv[1]), sys.argv[2]
with whole_output(output) as partial:
    partial.mkdir()
    (partial / "a").write_text(name)
    print("writing", flush=True)
    sys.stdin.readline()
    (partial / "b").write_text(name)
"""


def start_writer(output: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(output), name]
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)


def said(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline().strip()


def test_two_processes_write_one_after_the_other(tmp_path: Path) -> None:
    output = tmp_path / "export"
    first = start_writer(output, "first")
    assert said(first.stdout) == "writing"
    second = start_writer(output, "second")
    assert said(second.stderr) == f"waiting for another run that is at {output}"
    first.communicate("go on")
    second.communicate("go on")
    assert first.returncode == second.returncode == 0
    assert {path.name: path.read_text() for path in output.iterdir()} == {"a": "second", "b": "second"}
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    output = tmp_path / "export"
    killed = start_writer(output, "killed")
    assert said(killed.stdout) == "writing"
    killed.kill()
    killed.communicate()
    assert (tmp_path / ".export.partial").exists()
    assert not output.exists()
    start_writer(output, "next").communicate("go on")
    assert {path.name: path.read_text() for path in output.iterdir()} == {"a": "next", "b": "next"}
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_lock_holds_among_many_although_its_file_goes(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    program = """
import sys
from pathlib import Path
from stages.common.outputs import locked
count = Path(sys.argv[1])
for _ in range(30):
    with locked(count):
        count.write_text(str(int(count.read_text()) + 1))
"""
    command = [sys.executable, "-c", program, str(count)]
    processes = [subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert count.read_text() == "120"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "file_mode", "folder_mode"), [(0o022, 0o644, 0o755), (0o007, 0o660, 0o770)])
def test_modes_are_those_of_the_umask(tmp_path: Path, umask: int, file_mode: int, folder_mode: int) -> None:
    before = os.umask(umask)
    try:
        with whole_output(tmp_path / "output") as partial:
            (partial / "inner").mkdir(parents=True, mode=0o700)
            (partial / "inner/weights").touch(mode=0o600)
            (partial / "program").touch(mode=0o700)
    finally:
        assert os.umask(before) == umask
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "output").rglob("*")}
    assert modes == {"inner": folder_mode, "weights": file_mode, "program": folder_mode}


def test_an_error_leaves_what_stood_there(tmp_path: Path) -> None:
    output = tmp_path / "file"
    output.write_text("before")
    with pytest.raises(FileNotFoundError), whole_output(output) as partial:
        (partial / "no folder").write_text("half")
    assert output.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with locked(output):
        assert (tmp_path / ".file.lock").exists()

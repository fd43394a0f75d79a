"""A run that was stopped, by whatever, goes on where it was and ends with the same output."""

import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from exported import (
    Runner,
    read_rows,
    stop_after_a_chunk,
    write_long,
)


@pytest.mark.parametrize(
    ("source", "target", "kills"), [(".csv", ".jsonl", 6), (".parquet", ".csv", 2), (".jsonl", ".parquet", 3)]
)
def test_a_run_killed_at_random_moments_ends_with_the_same_output(
    predict: Runner, tmp_path: Path, source: str, target: str, kills: int
) -> None:
    inputs = [write_long(tmp_path / f"{name}{source}", 2000) for name in ("one", "two")]
    started = time.monotonic()
    predict("--input", *inputs, "--output", tmp_path / f"expected{target}")
    undisturbed = time.monotonic() - started
    expected = (tmp_path / f"expected{target}").read_bytes()
    choose = random.Random(0)
    output = tmp_path / f"out{target}"
    while kills:
        process = predict.start("--input", *inputs, "--output", output)
        try:
            process.communicate(timeout=choose.uniform(undisturbed / 4, undisturbed))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills -= 1
        else:
            assert output.read_bytes() == expected
            output.unlink()
    stop_after_a_chunk(predict.start("--input", *inputs, "--output", output), output, signal.SIGKILL)
    _, errors = predict("--input", *inputs, "--output", output)
    assert "going on after row" in errors
    assert output.read_bytes() == expected
    assert "4,000 rows, 40 with an error" in errors
    assert not list(tmp_path.glob(".*"))
    assert [int(row["id"]) for row in read_rows(output)] == [*range(2000), *range(2000)]


def test_another_job_begins_anew(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"
    command = ("--input", source, "--output", output)
    predict(*command, "--precision", "fp32")
    expected = output.read_bytes()
    stop_after_a_chunk(predict.start(*command), output, signal.SIGKILL)
    _, errors = predict(*command, "--precision", "fp32")
    assert "going on" not in errors
    assert output.read_bytes() == expected
    stop_after_a_chunk(predict.start(*command), output, signal.SIGKILL)
    source.touch()
    assert "going on" not in predict(*command)[1]


def test_rows_that_were_not_wholly_written_are_written_again(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"
    command = ("--input", source, "--output", output)
    predict(*command)
    expected = output.read_bytes()
    stop_after_a_chunk(predict.start(*command), output, signal.SIGKILL)
    with (tmp_path / ".out.jsonl.partial").open("ab") as file:
        file.write(b'{"id": "1999", "te')
    assert "going on after row" in predict(*command)[1]
    assert output.read_bytes() == expected
    stop_after_a_chunk(predict.start(*command), output, signal.SIGKILL)
    (tmp_path / ".out.jsonl.partial").write_bytes(b"")
    assert "going on" not in predict(*command)[1]
    assert output.read_bytes() == expected


def heed_ctrl_c() -> None:
    """Heed it as a shell's children do, but for those in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_says_how_to_go_on(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"

    process = predict.start("--input", source, "--output", output, preexec_fn=heed_ctrl_c)
    errors = stop_after_a_chunk(process, output, signal.SIGINT)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("interrupted: ")
    assert errors.splitlines()[-1].endswith(" rows are done; the same command goes on after them")
    assert "Traceback" not in errors
    assert not output.exists()


def test_one_run_at_a_time_writes_an_output(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"
    first = predict.start("--input", source, "--output", output)
    while not (tmp_path / ".out.jsonl.partial").exists():
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)
    _, errors = predict("--input", source, "--output", output, status=1)
    assert errors == f"error: another run is writing {output}: wait for it, or stop it\n"
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert len(output.read_text().splitlines()) == 2000


def test_a_full_disk_is_one_line_and_the_run_goes_on_afterwards(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"

    def limit_file_size() -> None:  # every write past it fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, resource.RLIM_INFINITY))

    _, errors = predict("--input", source, "--output", output, status=1, preexec_fn=limit_file_size)
    assert errors.splitlines()[-1].startswith("error: File too large: ")
    assert errors.splitlines()[-1].endswith(" rows are done; the same command goes on after them")
    assert "Traceback" not in errors
    assert "Exception" not in errors
    _, errors = predict("--input", source, "--output", output)
    assert "going on after row" in errors
    assert [row["id"] for row in read_rows(output)] == [str(number) for number in range(2000)]


@pytest.mark.parametrize("count", [5, pytest.param(60, marks=pytest.mark.nightly)])
def test_ctrl_c_at_any_moment_is_one_line(predict: Runner, tmp_path: Path, count: int) -> None:
    source, output = write_long(tmp_path / "in.csv", 500), tmp_path / "out.jsonl"
    started = time.monotonic()
    predict("--input", source, "--output", output)
    whole = time.monotonic() - started
    for number in range(count):
        process = predict.start("--input", source, "--output", output, preexec_fn=heed_ctrl_c)
        time.sleep(0.15 + whole * number / count)
        process.send_signal(signal.SIGINT)
        errors = process.communicate()[1].decode()
        if process.returncode == -signal.SIGINT and not errors:
            continue  # Python itself wasn't up, on a busy machine
        assert "Traceback" not in errors
        assert "Exception" not in errors
        assert process.returncode in (0, 130)
        assert process.returncode == 0 or errors.splitlines()[-1].startswith("interrupted")

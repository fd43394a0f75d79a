"""The command line: texts, standard input, what a person sees, and what can't be used."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from exported import LABELS, Runner, read_rows, write_long

from predict.classifier import Classifier


def test_texts_on_the_command_line(predict: Runner, exported: Path) -> None:
    (found,) = Classifier(exported, threads=1).probabilities(["a good film"])
    label = LABELS[found.argmax()]
    assert predict("a good film") == (f"{label}\t{found.max():.4f}\n", "")
    output, _ = predict("--json", "a good film")
    assert json.loads(output) == {
        "text": "a good film",
        "predicted_label": label,
        "predicted_probability": pytest.approx(found.max(), abs=1e-6),
    }
    assert predict("good", " \t", status=1)[1] == "error: text 2 of 2 is empty\n"


def test_standard_input(predict: Runner, tmp_path: Path) -> None:
    output, _ = predict("--input", "-", stdin=b"a good film\r\nbad plot\n")
    assert [json.loads(line)["text"] for line in output.splitlines()] == ["a good film", "bad plot"]
    lines = b'{"review": "good", "id": 1}\n{"review": "bad", "stars": 2.5}\n'
    options = ("--input", "-", "--input-format", "jsonl", "--text-column", "review", "--output")
    assert len(predict(*options, "-", stdin=lines)[0].splitlines()) == 2
    predict(*options, tmp_path / "out.parquet", stdin=lines)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.select(["review", "id", "stars"]).to_pylist() == [
        {"review": "good", "id": 1, "stars": None},
        {"review": "bad", "id": None, "stars": 2.5},
    ]
    assert not list(tmp_path.glob(".*"))


def test_a_bar_and_a_rate_are_shown_to_a_person(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 1000), tmp_path / "out.jsonl"
    screen, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (25, 100))
    process = predict.start("--input", source, "--output", output)
    assert process.communicate()[1].count(b"\n") == 11, "no bar in a log: ten rows with an error and a summary"
    process = subprocess.Popen(
        [*predict.command("--input", source, "--output", output), "--precision", "fp32"],
        cwd=predict.exported,
        env=predict.environment,
        stderr=terminal,
    )
    shown = b""
    while process.poll() is None or select.select([screen], [], [], 0)[0]:
        if select.select([screen], [], [], 0.1)[0]:
            shown += os.read(screen, 100_000)  # of which a terminal holds four thousand
    assert process.returncode == 0
    assert re.search(r"100%\|█+\| \d\d:\d\d<\d\d:\d\d, 1,000 rows, [\d.]+ rows/s", shown.decode())


def test_a_reader_that_goes_away_is_no_fault(predict: Runner, tmp_path: Path) -> None:
    process = predict.start("--input", write_long(tmp_path / "in.csv", 1000))
    assert process.stdout
    assert process.stderr
    assert json.loads(process.stdout.readline())["id"] == "0"
    process.stdout.close()
    assert process.wait() == 1
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (["--input", "none.csv"], None, "there is no file none.csv"),
        (
            ["--input", "in.doc"],
            b"text",
            "in.doc: its suffix is not one of .csv, .tsv, .jsonl, .ndjson, .parquet, .txt",
        ),
        (["--input", "in.csv"], b"", "in.csv is empty: its first line must name the columns"),
        (["--input", "in.csv"], b"a,b\n1,2\n", "in.csv has no column text; it has a, b. Say --text-column"),
        (["--input", "in.csv"], b"text,text\n", "in.csv has two columns text"),
        (["--input", "in.csv"], b"text,error\n", "in.csv has a column error, which the prediction adds"),
        (["--input", "in.csv"], "text\nfilm\n".encode("utf-16"), "in.csv is UTF-16: save it as UTF-8"),
        (["--input", "in.csv"], b"text,caf\xe9\n", "in.csv is not UTF-8"),
        (["--input", "in.parquet"], b"text\n", "in.parquet is not a parquet file"),
        (
            ["--input", "in.jsonl"],
            b'\n{"a": 1}\n',
            "in.jsonl has no field text in its first rows; they have a. Say --text",
        ),
        (
            ["--input", "in.jsonl"],
            b"text\nfilm\n",
            "in.jsonl has no field text in its first rows; the first is not JSON",
        ),
        (["--input", "-", "--input-format", "csv"], None, "standard input is read as txt or jsonl, not as csv"),
        (["--input", "-", "-"], None, "standard input can be read once"),
        (["--input", "in.txt", "--output", "out.xls"], b"good", "out.xls: the suffix of an output is one of"),
        (["--input", "in.txt", "--output", "no/out.csv"], b"good", "there is no folder no to write out.csv to"),
        (["--input", "in.txt", "--output", "./in.txt"], b"good", "in.txt is an input"),
        (
            ["--model", ".", "good"],
            None,
            "manifest.json is missing: run `dvc repro export`, or name an exported folder",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(
    predict: Runner, exported: Path, tmp_path: Path, arguments: list[str], content: bytes | None, message: str
) -> None:
    shutil.copytree(exported / "predict", tmp_path / "predict", ignore=shutil.ignore_patterns("__pycache__"))
    if content is not None:
        (tmp_path / arguments[1]).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    at = [] if "--model" in arguments else ["--model", exported]
    output, errors = Runner(tmp_path, predict.environment)(*at, *arguments, status=1)
    assert output == ""
    assert errors.startswith(f"error: {message}")
    assert errors.count("\n") == 1
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(path)] == before


def test_the_likeliest_labels(predict: Runner, exported: Path, tmp_path: Path) -> None:
    probabilities = Classifier(exported, threads=1).probabilities(["a good film"])[0]
    order = np.argsort(-probabilities)
    output, _ = predict("--top-k", 2, "a good film")
    best, second = order[:2]
    assert output == f"{LABELS[best]}\t{probabilities[best]:.4f}\t{LABELS[second]}\t{probabilities[second]:.4f}\n"
    assert json.loads(predict("--top-k", 3, "--json", "a good film")[0])["predicted_label_3"] == LABELS[order[2]]
    (tmp_path / "in.csv").write_text("text\na good film\n\n")
    predict("--top-k", 3, "--input", tmp_path / "in.csv", "--output", tmp_path / "out.parquet")
    (row,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    names = ["", "_2", "_3"]
    assert [row[f"predicted_label{name}"] for name in names] == [LABELS[number] for number in order]
    found = [row[f"predicted_probability{name}"] for name in names]
    assert found == pytest.approx([probabilities[number] for number in order], abs=1e-6)
    assert list(row)[-1] == "error"


def test_exit_status_says_when_rows_failed(predict: Runner, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("good\n\n")
    (tmp_path / "all.txt").write_text("\n\n")
    (tmp_path / "none.txt").write_text("")
    predict("--input", tmp_path / "some.txt", tmp_path / "all.txt", status=0)
    predict("--input", tmp_path / "some.txt", "--fail-on-error", status=3)
    predict("--input", tmp_path / "all.txt", status=3)
    predict("--input", tmp_path / "none.txt", "--fail-on-error", status=0)


def test_an_output_that_is_a_link_stays_one(predict: Runner, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("good\n")
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "out.jsonl", tmp_path / "elsewhere/there.jsonl"
    link.symlink_to(target)
    for _ in range(2):  # the target is not there at first
        predict("--input", tmp_path / "in.txt", "--output", link)
        assert link.is_symlink()
        assert len(read_rows(target)) == 1
    assert [path.name for path in target.parent.iterdir()] == ["there.jsonl"]


def test_any_terminal_shows_any_text(predict: Runner, exported: Path) -> None:
    narrow = Runner(exported, {**predict.environment, "PYTHONIOENCODING": "ascii"})
    assert json.loads(narrow("--json", "naïve 🎬")[0])["text"] == "naïve 🎬"


@pytest.mark.parametrize(
    "arguments", [["\udcff"], ["--input", "\udcff.csv"], ["--text-column", "\udcff", "--input", "in.csv"]]
)
def test_an_argument_that_is_not_utf8_is_one_line(predict: Runner, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n")
    program = Runner(tmp_path, predict.environment)
    shutil.copytree(predict.exported / "predict", tmp_path / "predict", ignore=shutil.ignore_patterns("__pycache__"))
    _, errors = program("--model", predict.exported, *arguments, status=1)
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


def test_an_older_python_is_told(exported: Path) -> None:
    program = "import runpy, sys; sys.version_info = (3, 10, 1); runpy.run_module('predict', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], cwd=exported, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: predict needs Python 3.11 or newer, and this is 3.10\n")


def test_what_is_missing_is_named(exported: Path, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tokenizers.py").write_text("raise ImportError('no such module')")
    path = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    _, errors = Runner(exported, {**environment, "PYTHONPATH": path})("good", status=1)
    assert errors.startswith("error: predict needs onnxruntime and tokenizers: pip install")
    assert errors.count("\n") == 1


def test_cells_for_spreadsheets(predict: Runner, tmp_path: Path) -> None:
    texts = ["=1+1", "+good", "-good", "@good", "good", "-1.5", "\tgood"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text, "=x": 1}) + "\n" for text in texts))
    command = ("--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.csv")
    predict(*command)
    assert [row["text"] for row in read_rows(tmp_path / "out.csv")] == texts
    predict(*command, "--spreadsheet")
    rows = read_rows(tmp_path / "out.csv")
    assert [row["text"] for row in rows] == ["'=1+1", "'+good", "'-good", "'@good", "good", "-1.5", "'\tgood"]
    assert "'=x" in rows[0]


def test_it_runs_where_unix_modules_are_missing(exported: Path, environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("fcntl", "resource", "termios", "pwd", "grp"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('only on Unix')")
    path = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    (tmp_path / "in.txt").write_text("good\n")
    program = Runner(exported, {**environment, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"})
    program("--input", tmp_path / "in.txt", "--output", tmp_path / "out.csv")
    assert len(read_rows(tmp_path / "out.csv")) == 1

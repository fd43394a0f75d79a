"""Prediction from an exported folder alone: the model's own answers, in every format, through every stop."""

import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tiny import BAD, GOOD, REPOSITORY, labelled_texts, save_base_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.exporters import OnnxConfig, OnnxExporter

from predict.classifier import Classifier
from predict.text import clean_text
from stages.common.inference import pad_batch
from stages.common.params import TokenizeParams
from stages.common.tokenizer import encode_texts

LABELS = ["bad", "fair", "good"]
TOKENIZE: dict[str, Any] = {"max_length": 24, "truncation": "head_tail", "head_fraction": 0.25}
OUTSIDE = ("torch", "transformers", "stages", "pandas", "datasets")  # what a machine that only predicts doesn't have
BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OUTSIDE}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder with a tiny BERT of three classes and the predict package, as the export stage leaves it."""
    folder = save_base_model(tmp_path_factory.mktemp("exported"), num_blocks=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(LABELS)).eval()
        with torch.no_grad():
            for weights in model.parameters():
                weights *= 8 if weights.dim() == 2 else 1  # so that answers differ from text to text
            torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    (folder / "onnx").mkdir()
    inputs = {name: torch.ones(2, 8, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    onnx_ir.save(OnnxExporter().export(model, inputs, OnnxConfig(dynamic=True)).program, folder / "onnx/model.onnx")
    quantize_dynamic(
        folder / "onnx/model.onnx",
        folder / "onnx/model_int8.onnx",
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    write_manifest(folder)
    shutil.copytree(REPOSITORY / "predict", folder / "predict", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def write_manifest(folder: Path) -> None:
    names = ("tokenizer.json", "onnx/model.onnx", "onnx/model_int8.onnx")
    files = {name: {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()} for name in names}
    tokenize = {**TOKENIZE, "tokens_before": [2], "tokens_after": [3], "pad_token_id": 0}
    manifest = {"format": 1, "labels": LABELS, "temperature": 1.5, "tokenize": tokenize, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python can't import what the exported folder must not need."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(BLOCK)
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


class Runner:
    """The command line, in the exported folder and with nothing but it."""

    def __init__(self, exported: Path, environment: dict[str, str]) -> None:
        self.exported, self.environment = exported, environment

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "predict", "--threads", "1", *map(str, arguments)]

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.exported,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def __call__(self, *arguments: object, status: int = 0, stdin: bytes = b"", **options: Any) -> tuple[str, str]:
        process = self.start(*arguments, stdin=subprocess.PIPE, **options)
        output, errors = process.communicate(stdin)
        assert process.returncode == status, errors.decode()
        return output.decode(), errors.decode()


@pytest.fixture
def predict(exported: Path, environment: dict[str, str]) -> Runner:
    return Runner(exported, environment)


TEXTS = [
    *(text for text, _ in labelled_texts(40)),
    "A <br /> great&nbsp;film &amp; the ﬁnest\tplot\u200b of it",
    " ".join(GOOD * 20 + BAD * 20),
    "good",
]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.1)])
def test_probabilities_are_those_of_the_trained_model(exported: Path, precision: str, tolerance: float) -> None:
    params = TokenizeParams.model_validate(TOKENIZE)
    ids, _ = encode_texts(AutoTokenizer.from_pretrained(exported), [clean_text(text) for text in TEXTS], params)
    batch = pad_batch({"input_ids": ids}, 0)
    with torch.inference_mode():
        expected = AutoModelForSequenceClassification.from_pretrained(exported)(**batch).logits.softmax(1).numpy()
    assert len(set(expected.argmax(1))) > 1
    classifier = Classifier(exported, precision, threads=1)
    found = classifier.probabilities(TEXTS)
    assert classifier.encode(TEXTS) == ids
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < tolerance
    with pytest.raises(ValueError, match="text 2 of 2 is empty"):
        classifier.probabilities(["good", "\u200b"])


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


ROWS: list[dict[str, Any]] = [
    {"text": 'a "good", really\ngood film', "id": 1, "stars": 4.5, "new": True},
    {"text": "bad, bad\tplot", "id": 2, "stars": None, "new": False},
    {"text": "", "id": 3, "stars": 0.0, "new": False},
    {"text": None, "id": 4, "stars": 1e-7, "new": None},
    {"text": "the naïve ending 🎬", "id": 2**53 + 1, "stars": 1.0, "new": True},
]


def write_rows(path: Path) -> Path:
    table = pd.DataFrame(ROWS)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def same(found: Any, given: Any) -> bool:
    """Say whether a value is the one given, or the string for it in a format that has only strings."""
    if isinstance(found, str) and not isinstance(given, str):
        found = json.loads(found.lower()) if found else None
    return found == given


@pytest.mark.parametrize(
    ("source", "target"),
    [
        *((suffix, suffix) for suffix in (".csv", ".tsv", ".jsonl", ".parquet")),
        *(
            (".csv", ".parquet"),
            (".jsonl", ".csv"),
            (".jsonl", ".parquet"),
            (".parquet", ".tsv"),
            (".parquet", ".jsonl"),
        ),
    ],
)
def test_every_format_keeps_the_rows(predict: Runner, tmp_path: Path, source: str, target: str) -> None:
    output = tmp_path / f"out{target}"
    _, errors = predict("--input", write_rows(tmp_path / f"in{source}"), "--output", output)
    rows = read_rows(output)
    assert list(rows[0]) == ["text", "id", "stars", "new", "predicted_label", "predicted_probability", "error"]
    for row, given in zip(rows, ROWS, strict=True):
        assert (row["text"] or None) == (given["text"] or None)
        assert all(same(row[name], given[name]) for name in ("id", "stars", "new"))
        if given["text"]:
            assert row["predicted_label"] in LABELS
            assert 1 / len(LABELS) <= float(row["predicted_probability"]) <= 1
            assert row["error"] == ""
        else:
            assert not row["predicted_label"]
            assert row["error"] in ("no text", "the text is empty")
    assert f"in{source}:3: the text is empty\n" in errors
    assert "5 rows, 2 with an error" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in{source}", f"out{target}"])


def test_parquet_keeps_its_types(predict: Runner, tmp_path: Path) -> None:
    columns = {
        "text": pa.array(["good", "bad"]).dictionary_encode(),
        "when": pa.array([1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        "price": pa.array(["1.10", None]).cast(pa.decimal128(9, 2)),
        "tags": pa.array([["a"], []], pa.list_(pa.string())),
        "raw": pa.array([b"\xff", b""]),
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    predict("--input", tmp_path / "in.parquet", "--output", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    for name in ("when", "price", "tags", "raw"):
        assert table[name].combine_chunks() == columns[name]
    assert table["text"].to_pylist() == ["good", "bad"]
    predict("--input", tmp_path / "in.parquet", "--output", tmp_path / "out.jsonl")
    row = read_rows(tmp_path / "out.jsonl")[1]
    assert row["when"] == "2023-11-14 22:13:20.123456789Z"
    assert row["tags"] == []


def test_bad_rows_are_named_and_do_not_stop_the_others(predict: Runner, tmp_path: Path) -> None:
    good = {"text": "a good film"}
    lines = [
        json.dumps(good).encode(),
        b'{"text": "a good film"',
        b"[1]",
        b'{"text": 7}',
        b'{"other": "a"}',
        b"",
        b'{"text": "caf\xe9"}',
        b'{"text": "half \\ud83d"}',
        b'{"text": "a good film", "error": 1}',
        b"[" * 100_000,
        b'{"text": "a good film"}\r',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    (tmp_path / "in.csv").write_bytes(
        b'id,text\n1,a good film\n2,a,b\n\n3\n4,"a" good film\n5,caf\xe9\n6,"a good film\n"\n7,a good film\n'
    )
    _, errors = predict("--input", tmp_path / "in.jsonl", tmp_path / "in.csv", "--output", tmp_path / "out.jsonl")
    rows = read_rows(tmp_path / "out.jsonl")
    reasons = [
        "",
        "not JSON",
        "not a JSON object",
        "text is not a string but 7",
        "no text",
        "not UTF-8",
        "text holds half of a character",
        "has a field error already",
        "not JSON",
        "",
        *["", "3 fields, and the header has 2", "1 fields", "not CSV", "not UTF-8", "", ""],
    ]
    assert len(rows) == len(reasons)
    for row, reason in zip(rows, reasons, strict=True):
        assert row["error"].startswith(reason)
        assert (row["error"] == "") == (reason == "") == (row["predicted_label"] in LABELS)
    assert len({row["predicted_label"] for row in rows} - {None}) == 1
    assert [line.split(": ")[0] for line in errors.splitlines()[:-1]] == [
        *(f"in.jsonl:{number}" for number in (2, 3, 4, 5, 7, 8, 9, 10)),
        *(f"in.csv:{number}" for number in (2, 3, 4, 5)),
    ]
    assert errors.splitlines()[-1].startswith("17 rows, 12 with an error; ")


def test_many_bad_rows_are_counted(predict: Runner) -> None:
    output, errors = predict("--input", "-", stdin=b"good\n" + b"\n" * 100)
    assert len(output.splitlines()) == 101
    assert len(errors.splitlines()) == 21
    assert errors.splitlines()[-1].startswith("101 rows, 100 with an error, the first 20 named above; ")


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
    assert process.wait() == 0
    shown = os.read(screen, 100_000).decode()
    assert re.search(r"100%\|█+\| \d\d:\d\d<\d\d:\d\d, 1,000 rows, [\d.]+ rows/s", shown)


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


@pytest.mark.parametrize("name", ["onnx/model_int8.onnx", "tokenizer.json"])
def test_a_changed_file_of_the_model_is_refused(predict: Runner, exported: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "exported")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    _, errors = Runner(folder, predict.environment)("good", status=1)
    assert (
        errors == f"error: {folder / name} is not the file that was exported: copy or export the whole folder again\n"
    )
    if name.startswith("onnx"):
        Runner(folder, predict.environment)("--precision", "fp32", "good")
    (folder / name).unlink()
    _, errors = Runner(folder, predict.environment)("good", status=1)
    assert errors == f"error: {folder / name} is missing: copy or export the whole folder again\n"


def write_long(path: Path, count: int, filler: int = 2000) -> Path:
    """Write rows with a text, some of them bad, and a column of some bytes that makes chunks end early."""
    choose = random.Random(0)
    rows = [
        {"id": number, "text": text if number % 100 else "", "filler": "x" * choose.randrange(2 * filler + 1)}
        for number, (text, _) in enumerate(labelled_texts(count))
    ]
    table = pd.DataFrame(rows)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    return path


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


def stop_after_a_chunk(process: subprocess.Popen[bytes], output: Path, number: int) -> str:
    """Send a signal once some rows are on the disk, and return what the run says."""
    journal = output.with_name(f".{output.name}.partial.json")
    while not (journal.exists() and json.loads(journal.read_text())["rows"]):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate()[1].decode()


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


def test_ctrl_c_says_how_to_go_on(predict: Runner, tmp_path: Path) -> None:
    source, output = write_long(tmp_path / "in.csv", 2000), tmp_path / "out.jsonl"

    def heed_ctrl_c() -> None:  # what a shell starts in the background ignores it, and so do its children
        signal.signal(signal.SIGINT, signal.SIG_DFL)

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


def peak_memory(process: subprocess.Popen[bytes]) -> int:
    """Return the peak memory of a process in KiB when it has ended."""
    assert process.stdout
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_rows(predict: Runner, tmp_path: Path) -> None:
    sizes = {4_000: 0, 24_000: 0}
    for rows in sizes:
        source = write_long(tmp_path / f"{rows}.csv", rows, filler=0)
        sizes[rows] = peak_memory(predict.start("--input", source, "--output", tmp_path / "out.csv"))
    assert sizes[24_000] < sizes[4_000] * 1.1

"""An exported folder with a tiny model, and its program run in it as on a machine that has nothing else."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import onnx_ir
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tiny import BAD, GOOD, REPOSITORY, labelled_texts, made_once, save_base_model
from transformers import AutoModelForSequenceClassification
from transformers.exporters import OnnxConfig, OnnxExporter

from predict.manifest import DIGEST, FORMAT, digest_of

LABELS = ["bad", "fair", "good"]
TOKENIZE: dict[str, Any] = {"max_length": 24, "truncation": "head_tail", "head_fraction": 0.25}
TOKENIZE |= {"long_texts": "truncate", "window_overlap": 0.2, "max_windows": 8}
OUTSIDE = ("torch", "transformers", "stages", "pandas", "datasets")  # what a machine that only predicts doesn't have
BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OUTSIDE}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Absent())
"""


def make_exported(folder: Path) -> Path:
    """Make an exported folder with a tiny BERT of three classes and the program, as the export stage leaves it."""
    save_base_model(folder, num_blocks=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(folder, id2label=dict(enumerate(LABELS))).eval()
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
    names = ("config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model_int8.onnx")
    files = {name: {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()} for name in names}
    tokens = {"tokens_before": [2], "tokens_between": None, "tokens_after": [3], "segments": None, "pad_token_id": 0}
    tokenize = {**TOKENIZE, **tokens}
    values = {"1": "bad", "2": "fair", "3": "good"}
    manifest = {"format": FORMAT, "labels": LABELS, "label_values": values, "tokenize": tokenize, "files": files}
    manifest |= {
        "window_pooling": "mean",
        "default_precision": "int8",
        "onnx": {"missing_because": None, "equal_lengths": False},
    }
    write_sealed(folder, manifest)


def write_sealed(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps({**manifest, DIGEST: digest_of(manifest)}))


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


TEXTS = [
    *(text for text, _ in labelled_texts(40)),
    "A <br /> great&nbsp;film &amp; the ﬁnest\tplot\u200b of it",
    " ".join(GOOD * 20 + BAD * 20),
    "good",
]


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


def stop_after_a_chunk(process: subprocess.Popen[bytes], output: Path, number: int) -> str:
    """Send a signal once some rows are on the disk, and return what the run says."""
    journal = output.with_name(f".{output.name}.partial.json")
    while not (journal.exists() and json.loads(journal.read_text())["rows"]):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate()[1].decode()


LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(status != 0)
"""


def peak_memory(program: Runner, *arguments: object) -> float:
    """Run the program and return its peak memory in GiB. A small process starts it: the peak of a process is at least
    what its parent takes when it is started."""
    command = [sys.executable, "-c", LAUNCHER, *program.command(*arguments)]
    done = subprocess.run(command, cwd=program.exported, env=program.environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return int(done.stdout) / 2**20


@pytest.fixture(scope="session")
def exported(shared: Path) -> Path:
    """An exported folder. Copy it before changing it."""
    return made_once(shared / "exported", make_exported)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python can't import what the exported folder must not need."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(BLOCK)
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def predict(exported: Path, environment: dict[str, str]) -> Runner:
    return Runner(exported, environment)

"""Load an exported folder and classify texts with it, on ONNX Runtime.

from predict.classifier import Classifier

classifier = Classifier("models/export")
classifier.probabilities(["This movie was fantastic!"])
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from predict.errors import PredictError
from predict.text import clean_text, truncate

MODELS = {"int8": "onnx/model_int8.onnx", "fp32": "onnx/model.onnx"}
FORMAT = 1  # of manifest.json
BATCH_TOKENS = 1024  # padded tokens in a batch: enough to keep the cores busy, few enough to stay in their caches


class Classifier:
    """A trained classifier, read from nothing but its exported folder.

    Cleaning, truncation and special tokens are those of training. The temperature is in the weights.

    Attributes:
        labels: the names of the classes, in the order of the probabilities.
        identity: SHA-256 of the folder's manifest, which names every file by its own.

    Raises:
        PredictError: when a file is missing or is not the one that was exported.
    """

    def __init__(self, folder: str | Path, precision: str = "int8", threads: int | None = None) -> None:
        folder = Path(folder)
        manifest, self.identity = read_manifest(folder)
        self.labels: list[str] = manifest["labels"]
        self._tokenize = manifest["tokenize"]
        check_files(folder, ["tokenizer.json", MODELS[precision]], manifest["files"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = start_session(folder / MODELS[precision], threads)

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """Return the probability of each class for each text, float32 (n, classes).

        Raises:
            ValueError: naming the first text, from 1 on, in which the tokenizer finds no token.
        """
        encoded = self.encode(texts)
        if [] in encoded:
            raise ValueError(f"text {encoded.index([]) + 1} of {len(texts)} is empty")
        return softmax(self.logits(encoded))

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids that are kept of each text; none for a text that holds no token."""
        before, after = self._tokenize["tokens_before"], self._tokenize["tokens_after"]
        room = self._tokenize["max_length"] - len(before) - len(after)
        how = self._tokenize["truncation"], self._tokenize["head_fraction"]
        whole = self._tokenizer.encode_batch_fast([clean_text(text) for text in texts], add_special_tokens=False)
        return [[*before, *truncate(text.ids, room, *how), *after] if text.ids else [] for text in whole]

    def logits(self, encoded: list[list[int]], done: Callable[[int], object] = lambda count: None) -> np.ndarray:
        """Return calibrated logits, float32 (n, classes), for texts of at least one token each.

        Batches hold texts of near-equal length, longest first. `done` is told the size of each when it is through.
        """
        logits = np.zeros((len(encoded), len(self.labels)), dtype=np.float32)
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row]))
        start = 0
        while start < len(order):
            rows = order[start : start + max(1, BATCH_TOKENS // len(encoded[order[start]]))]
            batch = pad_batch([encoded[row] for row in rows], self._tokenize["pad_token_id"])
            logits[rows] = self._session.run(["logits"], batch)[0]
            done(len(rows))
            start += len(rows)
        return logits


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the manifest of an exported folder, and its SHA-256."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise PredictError(f"{path} is missing: run `dvc repro export`, or name an exported folder with --model")
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        version = manifest["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise PredictError(f"{path} is not a manifest: export the model again") from error
    if version != FORMAT:
        raise PredictError(f"{path} has format {version}, and this version of predict reads {FORMAT}")
    return manifest, hashlib.sha256(content).hexdigest()


def check_files(folder: Path, names: list[str], files: dict[str, dict[str, Any]]) -> None:
    """Raise PredictError unless these files, and weights beside a model, are those that the manifest names."""
    for name in names:
        if name not in files:
            raise PredictError(f"{folder} was exported without {name}: export it again, or choose another --precision")
    for name, known in files.items():
        if name.startswith(tuple(names)):
            path = folder / name
            if not path.is_file():
                raise PredictError(f"{path} is missing: copy or export the whole folder again")
            if file_sha256(path) != known["sha256"]:
                raise PredictError(f"{path} is not the file that was exported: copy or export the whole folder again")


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def start_session(model: Path, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one for each core
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = False  # it keeps a plan for every shape that it has met
    return onnxruntime.InferenceSession(
        str(model),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion", "BiasGeluFusion"],  # slower than the sums apart
    )


def pad_batch(encoded: list[list[int]], pad_token_id: int) -> dict[str, np.ndarray]:
    """Return input_ids and attention_mask, int64 (batch, longest); padding stands right."""
    ids = np.full((len(encoded), max(map(len, encoded))), pad_token_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 (n, classes), of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

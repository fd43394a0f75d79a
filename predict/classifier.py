"""Load an exported folder and classify texts with it, on ONNX Runtime.

from predict.classifier import Classifier

classifier = Classifier("models/export")
classifier.probabilities(["This movie was fantastic!"])
"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from predict.errors import PredictError
from predict.manifest import DIGEST, check_files, read_manifest
from predict.rows import one_line
from predict.text import clean_text
from predict.tokens import Layout, Window, lay_out, pad
from predict.windows import pool

MODELS = {"int8": "onnx/model_int8.onnx", "fp32": "onnx/model.onnx"}
BATCH_TOKENS = 1024  # padded tokens in a batch: enough to keep the cores busy, few enough to stay in their caches


class Classifier:
    """A trained classifier, read from nothing but its exported folder.

    Cleaning, truncation and special tokens are those of training. The temperature is in the weights.

    Attributes:
        labels: the names of the classes, in the order of the probabilities.
        label_values: the label of each value that stood for one in the data that it was trained on.
        pairs: whether it takes pairs of texts.
        thresholds: of a model that gives any number of labels, the probability from which on it gives each, float
            (labels,); None where it gives one.
        label_separator: what stood between the labels of a row in that data, None where they were lists.
        precision: the one asked for, or else the one that the export found to be safe.
        identity: SHA-256 of the folder's manifest, which names every file by its own.

    Raises:
        PredictError: when a file is missing or is not the one that was exported.
    """

    def __init__(self, folder: str | Path, precision: str | None = None, threads: int | None = None) -> None:
        folder = Path(folder)
        manifest = read_manifest(folder)
        self.identity: str = manifest[DIGEST]
        self.labels: list[str] = manifest["labels"]
        self._layout = Layout(**manifest["tokenize"])
        self.thresholds = as_thresholds(manifest)
        self.label_separator: str | None = manifest.get("label_separator")
        self.precision: str = precision or manifest["default_precision"]
        model = MODELS[self.precision]
        check_files(folder, ["tokenizer.json", model], manifest)
        self._equal_lengths: bool = manifest["onnx"]["equal_lengths"]
        self.label_values: dict[str, str] = manifest["label_values"]
        self.pairs = self._layout.pairs
        self._pooling: str = manifest["window_pooling"]
        self._tokenizer = load_tokenizer(folder / "tokenizer.json")
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = start_session(folder / model, threads)

    def probabilities(self, *texts: list[str]) -> np.ndarray:
        """Return the probability of each class for each row, float32 (n, classes).

        Args:
            texts: the texts of the rows; where the model takes pairs, the second ones, too.

        Raises:
            ValueError: naming the first row, from 1 on, in which the tokenizer finds no token.
        """
        encoded = self.encode(*texts)
        if [] in encoded:
            raise ValueError(f"text {encoded.index([]) + 1} of {len(encoded)} is empty")
        return self.probabilities_of(self.logits(encoded))

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float32 (n, classes), of calibrated logits."""
        return softmax(logits) if self.thresholds is None else 1 / (1 + np.exp(-logits))

    def encode(self, *texts: list[str]) -> list[list[Window]]:
        """Return the windows of each row; none for one with a text that holds no token."""
        if len(texts) != 1 + self.pairs:
            raise PredictError(
                f"this model takes {'pairs of texts, not single ones' if self.pairs else 'single texts'}"
            )
        try:
            whole = [
                self._tokenizer.encode_batch_fast([clean_text(text) for text in each], add_special_tokens=False)
                for each in texts
            ]
        except BaseException as error:  # a panic in Rust is no Exception
            if type(error).__name__ != "PanicException":
                raise
            raise PredictError(f"the tokenizer failed, for want of memory or threads: {one_line(error)}") from error
        rows = ([text.ids for text in row] for row in zip(*whole, strict=True))
        return [lay_out(row, self._layout) if all(row) else [] for row in rows]

    def logits(self, encoded: list[list[Window]], done: Callable[[int], object] = lambda count: None) -> np.ndarray:
        """Return calibrated logits, float32 (n, classes), for texts of at least one window each.

        Batches hold windows of near-equal length, longest first. `done` is told how many texts each finishes.
        """
        windows = list(chain.from_iterable(encoded))
        counts = np.array([*map(len, encoded)], dtype=int)
        text, left = np.repeat(np.arange(len(counts)), counts), counts.copy()  # of each window, and to do of each text
        logits = np.zeros((len(windows), len(self.labels)), dtype=np.float32)
        order = sorted(range(len(windows)), key=lambda number: -len(windows[number].ids))
        start = 0
        while start < len(order):
            longest = len(windows[order[start]].ids)
            some = order[start : start + max(1, BATCH_TOKENS // longest)]
            if self._equal_lengths:
                some = [number for number in some if len(windows[number].ids) == longest]
            logits[some] = self.run(pad([windows[number] for number in some], self._layout.pad_token_id))
            np.subtract.at(left, text[some], 1)
            done(int((left[np.unique(text[some])] == 0).sum()))
            start += len(some)
        return pool(logits, counts, self._pooling)

    def run(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        try:
            taken = {value.name for value in self._session.get_inputs()}  # Fourier transforms take no mask
            return self._session.run(["logits"], {name: batch[name] for name in taken})[0]
        except Exception as error:  # ONNX Runtime's have no other base
            raise PredictError(
                f"ONNX Runtime failed on a batch of {batch['input_ids'].shape}: {one_line(error)}"
            ) from error

    def answers(self, probabilities: np.ndarray, k: int | None = None) -> list[list[tuple[str, float]]]:
        """Return the labels that each row is given, the likeliest first, with their probabilities: one, or all that
        reach their threshold; or else the `k` likeliest."""
        if k or self.thresholds is None:
            return self.likeliest(probabilities, k or 1)
        least = dict(zip(self.labels, self.thresholds.tolist(), strict=True))
        ranked = self.likeliest(probabilities, len(self.labels))
        return [[(label, value) for label, value in row if value >= least[label]] for row in ranked]

    def likeliest(self, probabilities: np.ndarray, k: int = 1) -> list[list[tuple[str, float]]]:
        """Return the k likeliest labels of each row, the likeliest first, with their probabilities."""
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        return [
            [(self.labels[number], float(row[number])) for number in numbers]
            for row, numbers in zip(probabilities, order.tolist(), strict=True)
        ]


def as_thresholds(manifest: dict[str, Any]) -> np.ndarray | None:
    thresholds = manifest.get("thresholds")
    return None if thresholds is None else np.array(thresholds)


def load_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # of a class of its own
        raise PredictError(f"{path} can't be loaded by this version of tokenizers: {one_line(error)}") from error


def start_session(model: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Load a model.

    Raises:
        PredictError: when ONNX Runtime can't, most often for want of memory.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one for each core
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait let others work
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = False  # it keeps a plan for every shape that it has met
    try:
        return onnxruntime.InferenceSession(
            str(model),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion", "BiasGeluFusion"],  # slower than the sums apart
        )
    except Exception as error:  # ONNX Runtime's have no other base
        raise PredictError(f"ONNX Runtime can't load {model}: {one_line(error)}") from error


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 (n, classes), of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

"""Write the manifest of an exported folder, and copy the program that reads it."""

import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import predict
from predict.classifier import MODELS
from predict.manifest import DIGEST, FORMAT, digest_of, file_sha256
from predict.scores import as_label
from scoring.calibrated import Calibrated
from stages.common.decisive import decisive
from stages.common.params import Params
from stages.common.splits import SPLITS, split_path
from stages.common.tokenizer import TextEncoder
from stages.export.onnx_graph import Graphs

PACKAGES = ("onnx", "onnxruntime", "peft", "safetensors", "tokenizers", "torch", "transformers")


def copy_program(folder: Path) -> None:
    """Copy the package `predict`, which needs onnxruntime and tokenizers but not this repository."""
    folder.mkdir()
    for path in Path(predict.__path__[0]).glob("*.py"):
        shutil.copy(path, folder)


def write_manifest(
    folder: Path,
    params: Params,
    labels: list[str],
    calibrated: Calibrated,
    base: Path,
    paths: dict[str, Path],
    graphs: Graphs,
    precision: str = "int8",
) -> None:
    """Write manifest.json: what predict needs to know, what the model came from, the SHA-256 of every file, and that of
    all the rest of it.

    Args:
        precision: what predict uses unless it is told otherwise.
    """
    layout = TextEncoder(base, params.tokenize, pairs=params.data.text_pair_column is not None).layout
    sections = {name: decisive(getattr(params, name)) for name in ("data", "model", "tokenize", "lora", "train")}
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "labels": labels,
        "label_values": {as_label(value): label for value, label in (params.data.labels or {}).items()},
        "label_separator": params.data.label_separator,
        "temperature": calibrated.temperature,
        "thresholds": None if calibrated.thresholds is None else calibrated.thresholds.tolist(),
        "tokenize": asdict(layout),
        "window_pooling": params.tokenize.window_pooling,
        "versions": {name: version(name) for name in PACKAGES},
        "params": sections,
        "data": {
            **json.loads(paths["data.json"].read_text(encoding="utf-8")),
            "tokenized_sha256": {split: file_sha256(split_path(paths["tokenized"], split)) for split in SPLITS},
        },
        "files": {
            str(path.relative_to(folder)): {"sha256": file_sha256(path), "bytes": path.stat().st_size}
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "manifest.json"
        },
        "default_precision": precision,
        "onnx": {"missing_because": graphs.problem, "equal_lengths": graphs.equal_lengths},
    }
    manifest[DIGEST] = digest_of(manifest)
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def sizes(folder: Path) -> dict[str, float]:
    """Return how large each form is, in megabytes."""
    files = {"adapter": "adapter/adapter_model.safetensors", "merged": "model.safetensors", **MODELS}
    return {form: (folder / name).stat().st_size / 1e6 for form, name in files.items() if (folder / name).exists()}

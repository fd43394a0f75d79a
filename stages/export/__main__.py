"""Leave a folder that serves the trained model anywhere: for PyTorch, for ONNX Runtime, and with a program of its own.

Run: python -m stages.export
"""

import json
from pathlib import Path

import numpy as np
from transformers.utils import logging as transformers_logging

from scoring.calibrated import Calibrated
from stages.common.errors import run_stage
from stages.common.outputs import whole_output, write_json
from stages.common.params import load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import label_names, read_split
from stages.export.card import write_card
from stages.export.manifest import copy_program, sizes, write_manifest
from stages.export.merged import save_torch
from stages.export.onnx_graph import Graphs, save_onnx
from stages.export.parity import check_parity, default_precision


def main() -> None:
    """Leave models/export: adapter, merged model, ONNX in float32 and int8, tokenizer, program, card and manifest.

    All forms give calibrated logits: those of the trained model divided by the temperature of `metrics/evaluate.json`.

    Raises:
        UserError: when a form of the model is not the trained one.
    """
    params = load_params()
    paths = stage_paths("export")
    transformers_logging.disable_progress_bar()
    base = resolve_model(params.model.base, "model.base")
    validation = read_split(paths["tokenized"], "validation")
    labels = label_names(validation)
    calibrated = read_calibrated(paths["evaluate.json"], labels)
    with whole_output(paths["export"]) as folder:
        save_torch(base, paths["adapter"], labels, calibrated, folder, params)
        graphs = save_onnx(folder, validation) if params.export.onnx else Graphs("export.onnx is false")
        if not graphs.problem:
            copy_program(folder / "predict")
        write_card(folder, params, labels, calibrated, paths)
        write_manifest(folder, params, labels, calibrated, base, paths, graphs)
        report = check_parity(base, folder, validation, paths, calibrated, params)
        write_manifest(folder, params, labels, calibrated, base, paths, graphs, default_precision(report))
    write_json(paths["export.json"], {**report, "megabytes": sizes(paths["export"])})


def read_calibrated(path: Path, labels: list[str]) -> Calibrated:
    """Return what evaluate has fitted on the validation split."""
    scores = json.loads(path.read_text(encoding="utf-8"))
    thresholds = scores.get("thresholds")
    return Calibrated(scores["temperature"], thresholds and np.array([thresholds[label] for label in labels]))


if __name__ == "__main__":
    run_stage(main, "export")

"""Let the trained model judge the test texts."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from safetensors.numpy import load_file
from transformers import PreTrainedModel

from scoring.calibrated import Calibrated, calibrate
from scoring.judges import Judge
from stages.common.first_position import skip_unread_positions
from stages.common.inference import predict_logits
from stages.common.model import load_adapter
from stages.common.splits import read_split
from stages.evaluate.inputs import Rows


@dataclass(frozen=True)
class Judged:
    """What the model says of the test rows."""

    tokens: Dataset  # the test split, see splits.py
    uncalibrated: Judge
    answers: Judge
    calibrated: Calibrated


def load_judge(base: Path, adapter: Path, labels: list[str], in_4bit: bool) -> PreTrainedModel:
    """Return the trained model, merged, on the GPU if there is one."""
    model = load_adapter(base, adapter, labels, in_4bit)
    if torch.cuda.is_available():
        model.cuda()
    skip_unread_positions(model)
    model.merge_adapter()
    return model


def judge(model: PreTrainedModel, rows: Rows, paths: dict[str, Path], batch_size: int, pooling: str) -> Judged:
    """Judge the test split; temperature and thresholds are fitted on the validation split."""
    tokens = read_split(paths["tokenized"], "test")
    logits = predict_logits(model, tokens, batch_size, pooling, "evaluate").astype(np.float64)
    validation_logits = load_file(paths["adapter"] / "logits.safetensors")["validation"]
    calibrated = calibrate(validation_logits, rows.truths["validation"])
    return Judged(tokens, replace(calibrated, temperature=1.0).judge(logits), calibrated.judge(logits), calibrated)

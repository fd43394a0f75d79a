"""Training under a launcher of two processes gives what one process gives."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import Clone, edit_params

from stages.common.errors import UserError
from stages.train_lora.launcher import launch

ACCELERATE = "accelerate launch --cpu --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no"


def test_launched_processes_give_the_result_of_one(clone: Clone) -> None:
    edit_params(clone.folder, **{"lora.dropout": 0.0})  # each process would draw its own masks
    adapter, metrics = train(clone)
    for launcher in ("torchrun --nproc-per-node 2", ACCELERATE):
        edit_params(clone.folder, **{"train.launcher": launcher})
        launched_adapter, launched_metrics = train(clone)
        assert adapter.keys() == launched_adapter.keys()
        for name in adapter:
            assert abs(adapter[name] - launched_adapter[name]).max() < 1e-5, (launcher, name)
        assert metrics["optimizer_steps"] == launched_metrics["optimizer_steps"]
        assert abs(metrics["validation_loss"] - launched_metrics["validation_loss"]) < 2e-4


def train(clone: Clone) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    clone.run(sys.executable, "-m", "stages.train_lora")
    return load_file(clone.folder / "models/adapter/adapter_model.safetensors"), json.loads(
        clone.read("metrics/train.json")
    )


def test_a_launcher_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        UserError, match=r"train\.launcher: no-such-launcher --now can't be run: No such file or directory"
    ):
        launch("no-such-launcher --now")

"""Training under a launcher of two processes gives what one process gives."""

import json
import sys

import pytest
from conftest import Clone, edit_params
from safetensors.numpy import load_file

ACCELERATE = "accelerate launch --cpu --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no"


@pytest.mark.parametrize("launcher", ["torchrun --nproc-per-node 2", ACCELERATE])
def test_launched_processes_give_the_result_of_one(clone: Clone, launcher: str):
    edit_params(clone.folder, **{"lora.dropout": 0.0})  # each process would draw its own masks
    clone.run(sys.executable, "-m", "stages.train_lora")
    one = load_file(clone.folder / "models/adapter/adapter_model.safetensors")
    one_metrics = json.loads(clone.read("metrics/train.json"))
    edit_params(clone.folder, **{"train.launcher": launcher})
    output = clone.run(sys.executable, "-m", "stages.train_lora")
    two = load_file(clone.folder / "models/adapter/adapter_model.safetensors")
    two_metrics = json.loads(clone.read("metrics/train.json"))
    assert one.keys() == two.keys(), output
    for name in one:
        assert abs(one[name] - two[name]).max() < 2e-3, name
    assert one_metrics["optimizer_steps"] == two_metrics["optimizer_steps"]
    assert abs(one_metrics["validation_loss"] - two_metrics["validation_loss"]) < 1e-3


def test_a_launcher_that_is_not_there_is_one_line(clone: Clone):
    edit_params(clone.folder, **{"train.launcher": "no-such-launcher --now"})
    output = clone.run(sys.executable, "-m", "stages.train_lora", status=1)
    assert "error: train.launcher: no-such-launcher --now can't be run: No such file or directory" in output

"""Training under a launcher of two processes gives what one process gives."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import Clone, edit_params

from stages.common.errors import UserError
from stages.train_lora.launcher import launch

TORCHRUN = "torchrun --nproc-per-node 2"
ACCELERATE = "accelerate launch --cpu --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no"


@pytest.mark.parametrize("launcher", [TORCHRUN, pytest.param(ACCELERATE, marks=pytest.mark.nightly)])
def test_launched_processes_give_the_result_of_one(clone: Clone, launcher: str) -> None:
    uneven = {"train.batch_size": 15}  # of 160 rows: shares of 8 and 7, and a last batch of 10
    expected = train(clone, **uneven)
    assert_same(expected, train(clone, **uneven, **{"train.launcher": launcher}))


@pytest.mark.nightly
def test_more_processes_than_texts_in_a_batch_give_the_result_of_one(clone: Clone) -> None:
    single = {"train.batch_size": 1, "train.epochs": 1, "train.learning_rate": 0.005}
    expected = train(clone, **single, **{"train.class_weights": {"negative": 1, "positive": 1.2}})
    assert_same(expected, train(clone, **{"train.launcher": TORCHRUN}))


Result = tuple[dict[str, np.ndarray], dict[str, float]]


def assert_same(one: Result, launched: Result) -> None:
    (adapter, metrics), (launched_adapter, launched_metrics) = one, launched
    assert adapter.keys() == launched_adapter.keys()
    for name in adapter:
        assert abs(adapter[name] - launched_adapter[name]).max() < 1e-4, name
    assert metrics["optimizer_steps"] == launched_metrics["optimizer_steps"]
    assert abs(metrics["validation_loss"] - launched_metrics["validation_loss"]) < 2e-4


def train(clone: Clone, **changes: object) -> Result:
    edit_params(clone.folder, **{"lora.dropout": 0.0, **changes})  # each process would draw its own masks
    clone.run(sys.executable, "-m", "stages.train_lora")
    return load_file(clone.folder / "models/adapter/adapter_model.safetensors"), json.loads(
        clone.read("metrics/train.json")
    )


def test_a_launcher_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        UserError, match=r"train\.launcher: no-such-launcher --now can't be run: No such file or directory"
    ):
        launch("no-such-launcher --now")

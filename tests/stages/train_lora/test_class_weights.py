"""`train.class_weights` and `train.best_metric` change what is learned and kept, where they must."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from sklearn.metrics import f1_score
from tiny import PARAMS
from transformers import TrainerState, set_seed

from stages.common.class_weights import class_weights
from stages.common.errors import UserError
from stages.common.model import load_base
from stages.common.params import load_params
from stages.common.splits import token_features
from stages.train_lora.adapters import add_adapters
from stages.train_lora.evaluations import best_evaluation
from stages.train_lora.fit import Fitted, fit

NAMES = ["usual", "rare"]
WEIGHTS: list[Any] = [None, "balanced", {"a": 1, "b": 2, "c": 7.5}]
SIGN, FILLER = 20, 30  # token ids


def rare_class(num_rows: int, seed: int) -> Dataset:
    """Return rows of which a tenth are rare; six in ten of these have a sign, as have two in ten of the others.

    Of the rows with a sign a quarter are rare: the likelier class is always the usual one, and only a loss that weighs
    the classes makes it worth while to call a row rare.
    """
    random = np.random.default_rng(seed)
    labels = (np.arange(num_rows) % 10 == 0).astype(int)
    sign = random.random(num_rows) < np.where(labels == 1, 0.6, 0.2)
    ids = [[2, SIGN if row else FILLER, FILLER, FILLER, 3] for row in sign]
    columns = {"input_ids": ids, "length": [5] * num_rows, "num_tokens": [5] * num_rows, "label": labels.tolist()}
    return Dataset.from_dict(columns, features=token_features(NAMES))


def train(base_model: Path, folder: Path, **changes: Any) -> Fitted:
    settings = {"epochs": 8, "batch_size": 32, "learning_rate": 0.005, "dtype": "float32", "evaluations_per_epoch": 2}
    set_seed(0)
    params = load_params(PARAMS)
    model, head = load_base(base_model, NAMES)
    model, lowest = add_adapters(model, params.lora, head)
    ours = params.train.model_copy(update={**settings, "prefix_cache_gb": 0, **changes})
    return fit(model, lowest, rare_class(320, 0), rare_class(200, 1), ours, "", folder)


def f1_macro(fitted: Fitted) -> float:
    return float(f1_score(rare_class(200, 1)["label"], fitted.logits.argmax(axis=1), average="macro"))


def test_balanced_weights_find_the_rare_class(base_model: Path, tmp_path: Path) -> None:
    plain = train(base_model, tmp_path / "plain")
    assert (plain.logits.argmax(axis=1) == 0).all()
    balanced = train(base_model, tmp_path / "balanced", class_weights="balanced")
    assert f1_macro(balanced) > f1_macro(plain) + 0.1
    by_hand = train(base_model, tmp_path / "by-hand", class_weights={"usual": 5, "rare": 45})
    np.testing.assert_allclose(by_hand.logits, balanced.logits, atol=1e-5)


def test_the_best_evaluation_is_that_of_the_highest_f1(base_model: Path, tmp_path: Path) -> None:
    fitted = train(base_model, tmp_path, class_weights="balanced", best_metric="f1_macro")
    scores = [entry["eval_f1_macro"] for entry in fitted.state.log_history if "eval_f1_macro" in entry]
    assert len(set(scores)) > 1
    assert fitted.best["eval_f1_macro"] == max(scores) == pytest.approx(f1_macro(fitted))


def test_what_best_means() -> None:
    losses, scores = [0.5, 0.3, 0.3, 0.4], [0.6, 0.7, 0.8, 0.8]
    history = [{"eval_log_loss": loss, "eval_f1_macro": f1} for loss, f1 in zip(losses, scores, strict=True)]
    state = TrainerState(log_history=[{"loss": 0.1}, *history])
    assert best_evaluation(state, "validation_loss") is history[1]  # the first of equals
    assert best_evaluation(state, "f1_macro") is history[2]


def test_weights_keep_the_mean_of_a_row_at_one() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    for asked in WEIGHTS:
        weights = class_weights(asked, labels, ["a", "b", "c"])
        assert weights[labels].mean() == pytest.approx(1)
    np.testing.assert_allclose(class_weights("balanced", labels, ["a", "b", "c"]) * [6, 3, 1], 10 / 3)
    np.testing.assert_allclose(weights / weights[0], [1, 2, 7.5])
    np.testing.assert_allclose(
        class_weights({0: 1, 1: 3}, np.array([0, 1]), ["0", "1"]), [0.5, 1.5]
    )  # YAML reads 0 as a number


@pytest.mark.parametrize("asked", [{"a": 1.0}, {"a": 1.0, "b": 2.0, "z": 1.0}])
def test_weights_must_name_the_classes(asked: dict) -> None:
    with pytest.raises(UserError, match=r"train\.class_weights: must name every class, which are a, b; however: a"):
        class_weights(asked, np.array([0, 1]), ["a", "b"])

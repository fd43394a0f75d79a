"""A collapse names its likely reason, and is not seen where there is none."""

import numpy as np
import pytest
from datasets import Dataset
from tiny import PARAMS

from stages.common.errors import UserError
from stages.common.params import load_params
from stages.common.splits import token_features
from stages.train_lora.collapse import check_collapse

UNKNOWN = 1
ONE_CLASS = np.array([[1.0, 0.0], [1.0, 0.0]])


def split(labels: list[int], token: int = 5) -> Dataset:
    rows = len(labels)
    columns = {"input_ids": [[2, token, token, 3]] * rows, "length": [4] * rows, "num_tokens": [4] * rows}
    return Dataset.from_dict({**columns, "label": labels}, features=token_features(["no", "yes"]))


@pytest.mark.parametrize(
    ("train", "token", "steps", "reason"),
    [
        ([0, 1] * 100, UNKNOWN, 500, "The base model knows only 50% of the tokens: set a model.base for this language"),
        ([0] * 190 + [1] * 10, 5, 500, "95% of the train rows are no: set train.class_weights to balanced"),
        ([0, 1] * 10, 5, 500, "20 train rows are too few: give more data, or raise data.train_rows"),
        (
            [0, 1] * 100,
            5,
            13,
            "13 optimizer steps are too few for 2 classes: raise train.epochs or lower train.batch_size",
        ),
        ([0, 1] * 100, 5, 500, "Try a lower train.learning_rate"),
    ],
)
def test_the_likely_reason(train: list[int], token: int, steps: int, reason: str) -> None:
    params = load_params(PARAMS).train
    with pytest.raises(UserError) as error:
        check_collapse(ONE_CLASS, steps, split(train, token), split([0, 1]), params, UNKNOWN)
    assert f"training collapsed: the model gives every validation text one class (no). {reason}" in str(error.value)


def test_validation_of_one_text_or_one_class_shows_no_collapse(capsys: pytest.CaptureFixture[str]) -> None:
    params = load_params(PARAMS).train
    check_collapse(ONE_CLASS[:1], 500, split([0, 1] * 100), split([1]), params, None)
    assert "validation has one text: a collapse could not be noticed" in capsys.readouterr().err
    check_collapse(ONE_CLASS, 500, split([0, 1] * 100), split([0, 0]), params, None)
    assert "texts of one class only" in capsys.readouterr().err

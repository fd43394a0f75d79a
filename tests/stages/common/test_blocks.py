"""Which modules of a model's blocks can have adapters."""

import pytest
from tiny_architectures import tiny_config
from transformers import AutoModelForSequenceClassification

from stages.common.blocks import find_blocks, product_names
from stages.common.probe import note


def test_weights_that_blocks_share_get_no_adapter_which_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    model = AutoModelForSequenceClassification.from_config(tiny_config("zamba"))
    blocks = find_blocks(model)
    note.cache_clear()
    names = [name for place in range(len(blocks)) for name in product_names(blocks, place)]
    weights = [id(model.get_submodule(name).weight) for name in names]
    assert len(set(weights)) == len(weights) > 0
    assert not any("shared_transf" in name for name in names)
    assert "share their weights with other blocks: no adapters, as" in capsys.readouterr().err

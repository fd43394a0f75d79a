"""A base model in 4 bits. All but the first test need bitsandbytes, which `make setup` leaves out."""

import json
import sys
from pathlib import Path

import pytest
import torch
from tiny import PARAMS, Clone, edit_params, make_clone, save_base_model

from stages.common.blocks import find_blocks
from stages.common.errors import UserError
from stages.common.model import load_base
from stages.common.params import load_params
from stages.train_lora.adapters import add_adapters

LABELS = ["negative", "positive"]


def test_without_bitsandbytes_it_is_one_line(clone: Clone) -> None:
    edit_params(clone.folder, **{"model.load_in_4bit": True})
    (clone.folder / "bitsandbytes.py").write_text("raise ImportError('hidden')\n")
    output = clone.run(sys.executable, "-m", "stages.train_lora", status=1)
    assert output.count("\n") == 1
    assert output.startswith("error: model.load_in_4bit: ")


@pytest.mark.parametrize("model_type", ["qwen2", "bert", "distilbert", "modernbert"])
def test_the_blocks_alone_are_in_four_bits(tmp_path: Path, model_type: str) -> None:
    pytest.importorskip("bitsandbytes")
    folder = save_base_model(tmp_path, model_type)
    model, head = load_base(folder, LABELS, load_in_4bit=True, write_out=False)
    assert head == load_base(folder, LABELS)[1]
    written, _ = load_base(folder, LABELS, load_in_4bit=True)
    inputs = {"input_ids": torch.arange(5, 21).view(2, 8), "attention_mask": torch.ones(2, 8, dtype=torch.long)}
    written.load_state_dict(
        {name: weight for name, weight in model.state_dict().items() if name.startswith(tuple(head))}, strict=False
    )
    with torch.no_grad():  # in eval mode, some processors would round to bfloat16
        torch.testing.assert_close(written.train()(**inputs).logits, model.train()(**inputs).logits)
    with pytest.raises(UserError, match=r"lora\.init: olora takes"):
        add_adapters(model, load_params(PARAMS).lora.model_copy(update={"init": "olora"}), head)
    blocks = find_blocks(model)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            assert (module.weight.dtype == torch.uint8) == blocks.contain(name), name


def test_the_pipeline_in_four_bits(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    clone = make_clone(tmp_path / "clone", save_base_model(tmp_path / "base", "qwen2"))
    edit_params(clone.folder, **{"model.load_in_4bit": True})
    clone.run("dvc", "repro")
    assert json.loads(clone.read("metrics/evaluate.json"))["accuracy"] > 0.8
    assert json.loads(clone.read("metrics/export.json"))["merged_logit_difference"] < 1e-4
    assert "quantization_config" not in json.loads(clone.read("models/export/config.json"))

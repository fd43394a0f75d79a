"""Every architecture: what is trained, what is stored, and that every short cut gives the same model."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from peft import PeftConfig, PeftModel
from tiny import PARAMS, save_base_model
from transformers import AutoModel, AutoModelForMaskedLM

from stages.common import attention
from stages.common.blocks import find_blocks
from stages.common.errors import UserError
from stages.common.first_position import skip_unread_positions
from stages.common.inference import predict_logits
from stages.common.model import load_adapter, load_base, save_adapter
from stages.common.params import LoraParams, load_params
from stages.common.splits import token_features
from stages.train_lora import prefix
from stages.train_lora.adapters import add_adapters
from stages.train_lora.batches import Collator
from stages.train_lora.bfloat16 import bfloat16_base
from stages.train_lora.digests import base_digest
from stages.train_lora.fused import fuse_adapters

LABELS = ["negative", "positive"]
NEW_MODULES = {
    "bert": ["bert.pooler", "classifier"],
    "roberta": ["classifier"],
    "electra": ["classifier"],
    "distilbert": ["pre_classifier", "classifier"],
    "deberta-v2": ["pooler", "classifier"],
    "modernbert": ["head", "classifier"],
    "mpnet": ["classifier"],
    "qwen2": ["score"],
    "qwen3": ["score"],
    "llama": ["score"],
}
TARGETS = {
    "distilbert": {"q_lin", "v_lin"},
    "deberta-v2": {"query_proj", "value_proj"},
    "modernbert": {"Wqkv"},
    "mpnet": {"q", "v"},
    "qwen2": {"q_proj", "v_proj"},
    "qwen3": {"q_proj", "v_proj"},
    "llama": {"q_proj", "v_proj"},
}
architectures = pytest.mark.parametrize("model_type", NEW_MODULES)


def lora_params(**changes: object) -> LoraParams:
    return load_params(PARAMS).lora.model_copy(update={"layers": 1, "target_modules": "auto", **changes})


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {model_type: save_base_model(root / model_type, model_type) for model_type in NEW_MODULES}


def adapted(base: Path, **changes: object) -> tuple[PeftModel, int]:
    torch.manual_seed(0)
    model, new_modules = load_base(base, LABELS)
    model, lowest = add_adapters(model, lora_params(**changes), new_modules)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # starts at zero, and would hide a missing adapter
            torch.nn.init.normal_(parameter, std=0.1)
    return model, lowest


def split(count: int = 10) -> Dataset:
    random = np.random.default_rng(0)
    lengths = random.integers(4, 20, count)
    ids = [[2, *random.integers(5, 2000, length - 2), 3] for length in lengths]
    rows = {"input_ids": ids, "length": lengths, "num_tokens": lengths, "label": random.integers(0, 2, count)}
    return Dataset.from_dict(rows, features=token_features(LABELS))


def loss_and_gradients(model: PeftModel, batch: dict) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    output = model(**batch)
    output.loss.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    return output.loss.detach(), output.logits.detach(), found


@architectures
def test_what_the_base_lacks_is_trained_and_nothing_else_but_adapters(bases: dict[str, Path], model_type: str) -> None:
    model, new_modules = load_base(bases[model_type], LABELS)
    assert new_modules == NEW_MODULES[model_type]
    model, lowest = add_adapters(model, lora_params(), new_modules)
    assert lowest == 2
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    adapters = {name for name in trained if "lora_" in name}
    assert all("modules_to_save" in name for name in trained - adapters)
    assert all(".2." in name for name in adapters)
    found = {name.split(".lora_")[0].rpartition(".")[2] for name in adapters}
    assert found == TARGETS.get(model_type, {"query", "value"})


@architectures
def test_the_base_has_no_dropout_and_its_config_keeps_it(bases: dict[str, Path], model_type: str) -> None:
    model, _ = load_base(bases[model_type], LABELS)
    batch = Collator(0)(list(split().with_format("numpy")))
    with torch.no_grad():
        torch.testing.assert_close(model.train()(**batch).logits, model.eval()(**batch).logits)
    if model_type == "bert":
        assert model.config.hidden_dropout_prob == 0.1


@architectures
def test_a_replayed_prefix_gives_the_same_logits_and_gradients(bases: dict[str, Path], model_type: str) -> None:
    model, lowest = adapted(bases[model_type])
    model.eval()
    blocks = find_blocks(model)
    rows = split().sort("length")
    digest = base_digest(bases[model_type])
    collate = Collator(model.config.pad_token_id)
    expected = loss_and_gradients(model, collate(list(rows.with_format("numpy"))))
    with prefix.with_prefix(model, blocks, lowest, rows, digest, limit_bytes=10**9) as stored:
        batch = collate([stored[row] for row in range(len(stored))])
    with prefix.replayed_prefix(model, blocks, lowest):
        replayed = loss_and_gradients(model, batch)
    restored = loss_and_gradients(model, collate(list(rows.with_format("numpy"))))
    assert len(expected[2]) > 2
    # the prefix is kept in half precision: 11 bits
    torch.testing.assert_close(replayed, expected, rtol=2e-2, atol=2e-3)
    torch.testing.assert_close(restored, expected)


@architectures
def test_skipping_unread_positions_changes_no_logit_and_no_gradient(bases: dict[str, Path], model_type: str) -> None:
    model, _ = adapted(bases[model_type])
    batch = Collator(model.config.pad_token_id)(list(split().with_format("numpy")))
    model.eval()
    expected = loss_and_gradients(model, batch)
    assert skip_unread_positions(model) == (model_type not in ("qwen2", "qwen3", "llama"))
    torch.testing.assert_close(loss_and_gradients(model, batch), expected, rtol=1e-4, atol=1e-5)


@architectures
def test_attention_by_products_changes_no_logit_and_no_gradient(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch, model_type: str
) -> None:
    model, _ = adapted(bases[model_type])
    batch = Collator(model.config.pad_token_id)(list(split().with_format("numpy")))
    expected = loss_and_gradients(model, batch)
    calls: list[tuple] = []
    attend = attention.attend

    def counted(*inputs: Any) -> torch.Tensor:
        calls.append(inputs)
        return attend(*inputs)

    monkeypatch.setattr(attention, "attend", counted)
    undo = attention.replace_attention(model, "product")
    torch.testing.assert_close(loss_and_gradients(model, batch), expected, rtol=1e-4, atol=1e-5)
    undo()
    torch.testing.assert_close(loss_and_gradients(model, batch), expected, rtol=0, atol=0)
    assert len(calls) == (0 if model_type in ("deberta-v2", "mpnet") else 3)  # those two have one of their own


@architectures
def test_fused_adapters_change_no_logit_and_no_gradient(bases: dict[str, Path], model_type: str) -> None:
    model, _ = adapted(bases[model_type], layers="all", target_modules="all-linear")
    batch = Collator(model.config.pad_token_id)(list(split().with_format("numpy")))
    expected = loss_and_gradients(model, batch)
    with torch.autocast("cpu", torch.bfloat16), bfloat16_base(model):
        rounded = loss_and_gradients(model, batch)
    assert fuse_adapters(model) == sum("lora_A" in name for name, _ in model.named_parameters())
    torch.testing.assert_close(loss_and_gradients(model, batch), expected, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16), bfloat16_base(model):
        torch.testing.assert_close(loss_and_gradients(model, batch), rounded, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("changes", [{}, {"dora": True}])
@architectures
def test_a_base_kept_in_bfloat16_changes_nothing_under_autocast(
    bases: dict[str, Path], model_type: str, changes: dict[str, object]
) -> None:
    model, _ = adapted(bases[model_type], target_modules="all-linear", **changes)
    batch = Collator(model.config.pad_token_id)(list(split().with_format("numpy")))
    exact = loss_and_gradients(model, batch)
    with torch.autocast("cpu", torch.bfloat16):
        expected = loss_and_gradients(model, batch)
        with bfloat16_base(model):
            kept = [name for name, parameter in model.named_parameters() if parameter.dtype == torch.bfloat16]
            found = loss_and_gradients(model, batch)
    assert bool(kept) == (not changes)
    assert not [name for name in kept if "lora_" in name or "modules_to_save" in name]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(loss_and_gradients(model, batch), exact, rtol=0, atol=0)


@pytest.mark.parametrize("changes", [{"dropout": 0.1}, {"dora": True}])
def test_what_cannot_be_fused_stays_as_it_is(bases: dict[str, Path], changes: dict[str, object]) -> None:
    assert fuse_adapters(adapted(bases["bert"], **changes)[0]) == 0


@pytest.mark.parametrize("changes", [{}, {"dora": True}, {"rank_stabilized": True}, {"target_modules": "all-linear"}])
@architectures
def test_a_saved_adapter_gives_the_same_model(
    bases: dict[str, Path], tmp_path: Path, model_type: str, changes: dict[str, object]
) -> None:
    model, _ = adapted(bases[model_type], **changes)
    save_adapter(model, tmp_path, "package:the_base/model")
    reloaded = load_adapter(bases[model_type], tmp_path, LABELS)
    rows = split()
    expected = predict_logits(model.eval(), rows, 4)
    np.testing.assert_allclose(predict_logits(reloaded, rows, 10), expected, atol=1e-5)
    assert PeftConfig.from_pretrained(tmp_path).base_model_name_or_path == "package:the_base/model"
    merged = load_adapter(bases[model_type], tmp_path, LABELS).merge_and_unload()
    np.testing.assert_allclose(predict_logits(merged, rows, 4), expected, atol=1e-4)


def test_an_adapter_names_its_base_as_the_hub_does(bases: dict[str, Path], tmp_path: Path) -> None:
    """So PEFT finds it, and at the commit that it was trained on."""
    save_adapter(adapted(bases["bert"])[0], tmp_path, f"hub:owner/name@{'0' * 40}")
    saved = PeftConfig.from_pretrained(tmp_path)
    assert (saved.base_model_name_or_path, saved.revision) == ("owner/name", "0" * 40)


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "pissa", "olora"])
def test_every_initialisation_survives_saving(bases: dict[str, Path], tmp_path: Path, init: str) -> None:
    torch.manual_seed(0)
    base, new_modules = load_base(bases["bert"], LABELS)
    model, _ = add_adapters(base, lora_params(init=init), new_modules)
    for parameter in model.parameters():
        if parameter.requires_grad:  # as training would
            parameter.data += 0.01 * torch.randn_like(parameter)
    save_adapter(model, tmp_path, "x")
    expected = predict_logits(model.eval(), split(), 4)
    np.testing.assert_allclose(
        predict_logits(load_adapter(bases["bert"], tmp_path, LABELS), split(), 4), expected, atol=1e-4
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target_modules": ["query", "valeu"]},
            r"lora\.target_modules: .* no linear module valeu: name some of dense,",
        ),
        ({"layers": 4}, r"lora\.layers: the base model has 3 blocks, from 0; however: 4"),
        ({"layers": [0, 3]}, r"lora\.layers: the base model has 3 blocks"),
    ],
)
def test_adapters_that_fit_nowhere_are_refused(
    bases: dict[str, Path], changes: dict[str, object], message: str
) -> None:
    base, new_modules = load_base(bases["bert"], LABELS)
    with pytest.raises(UserError, match=message):
        add_adapters(base, lora_params(**changes), new_modules)


@pytest.mark.parametrize(("layers", "lowest"), [("all", 0), (2, 1), ([1], 1), ([2, 0], 0)])
def test_layers_choose_blocks(bases: dict[str, Path], layers: object, lowest: int) -> None:
    base, new_modules = load_base(bases["bert"], LABELS)
    assert add_adapters(base, lora_params(layers=layers), new_modules)[1] == lowest


def test_a_base_without_encoder_weights_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in bases["bert"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"has no weights for 16 parts of its encoder"):
        load_base(tmp_path, LABELS)


@pytest.mark.parametrize("kind", ["shards", "language model"])
def test_a_base_in_other_files_is_the_same_base(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """In several files, or with a head of its own whose weights are those of the embeddings."""
    shutil.copytree(bases["bert"], tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    if kind == "shards":
        AutoModel.from_pretrained(bases["bert"]).save_pretrained(tmp_path, max_shard_size="100KB")
        assert len([*tmp_path.glob("*.safetensors")]) > 1
    else:
        AutoModelForMaskedLM.from_pretrained(bases["bert"]).save_pretrained(tmp_path)
    base, head = load_base(tmp_path, LABELS)
    expected, _ = load_base(bases["bert"], LABELS)
    assert head == NEW_MODULES["bert"]
    torch.testing.assert_close(base.bert.encoder.state_dict(), expected.bert.encoder.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(base.get_input_embeddings().weight, expected.get_input_embeddings().weight)


def test_weights_that_are_a_pickle_are_not_read(bases: dict[str, Path], tmp_path: Path) -> None:
    for file in bases["bert"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    from safetensors.torch import load_file

    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"weights in pytorch_model.bin alone, .* not read; convert it: python -c"):
        load_base(tmp_path, LABELS)

"""Compute attention in ways that transformers lacks: for the first position alone, and by plain products."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from stages.common.probe import note, probe_batch, probe_logits, why_not

LONGEST_PRODUCT = 512  # positions; beyond, a number for each pair of them takes too much memory


def replace_attention(model: torch.nn.Module, name: str) -> Callable[[], None]:
    """Let the parts of `model` that use PyTorch's fused attention use the one named; return what undoes it."""
    named: list[Any] = [module for module in model.modules() if "Attention" in type(module).__name__]
    readers = [module for module in named if attends_by(module) == "sdpa"]
    configs = [reader.config for reader in readers]
    for reader in readers:
        reader.config = copy.copy(reader.config)
        reader.config._attn_implementation = name

    def undo() -> None:
        for reader, config in zip(readers, configs, strict=True):
            reader.config = config

    return undo


def use_products(model: PreTrainedModel) -> bool:
    """Let a model attend by plain products where that gives the same logits; return whether it does."""
    batch = probe_batch(model)
    expected = probe_logits(model, batch)
    undo = replace_attention(model, "product")
    different = why_not(model, batch, expected)
    if different:
        undo()
        note(f"attention stays PyTorch's fused one, not plain products: {different}")
    return not different


def attends_by(module: torch.nn.Module) -> str | None:
    return getattr(getattr(module, "config", None), "_attn_implementation", None)


def first_query_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend from the first position, float (batch, heads, length, size); the others' outputs are unread copies."""
    states = attend(query[:, :, :1], key, value, None if mask is None else mask[:, :, :1], options.get("scaling"))
    return states.expand(-1, query.shape[2], -1, -1), None


def product_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend by plain products.

    On a CPU, in bfloat16, fused attention takes two to five times as long in training. ONNX has none: what PyTorch
    writes in its place looks after texts without a token, too.
    """
    causal = mask is None and getattr(module, "is_causal", True)
    too_long = not torch.compiler.is_exporting() and query.shape[2] > LONGEST_PRODUCT
    if causal or too_long or options.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, mask, **options)
    groups = query.shape[1] // key.shape[1]
    return attend(query, repeat_kv(key, groups), repeat_kv(value, groups), mask, options.get("scaling")), None


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None) -> Tensor:
    """Return float (batch, length, heads, size) of a query (batch, heads, length, size); mask bool, true to attend."""
    scores = (query * (scaling or query.shape[-1] ** -0.5)) @ key.transpose(2, 3)
    if mask is not None:
        scores += torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, -1e4)
    return (scores.softmax(-1) @ value).transpose(1, 2)


AttentionInterface.register("first_query", first_query_attention)
AttentionInterface.register("product", product_attention)

"""Run adapted linear layers as one matrix product, the adapter added to the weight for each step.

PEFT works out W x and B A x, and adds them: three products and two passes over activations, which are large beside the
weights. (W + s B A) x is the same, with one product. For float32 only: in bfloat16 the sum would round small adapters
away. Without dropout on the adapter's input, which the sum has no place for.
"""

from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear


def merge_in_forward(model: PeftModel) -> int:
    """Let the adapted linear layers that can, those with neither dropout nor DoRA, run merged; return how many do."""
    layers = [module for module in model.modules() if type(module) is Linear and can_merge(module)]
    for layer in layers:
        layer.forward = partial(forward_merged, layer)
    return len(layers)


def can_merge(layer: Linear) -> bool:
    (adapter,) = layer.active_adapters
    return (
        isinstance(layer.get_base_layer(), torch.nn.Linear)
        and isinstance(layer.lora_dropout[adapter], torch.nn.Identity)
        and not layer.use_dora[adapter]
    )


def forward_merged(layer: Linear, x: torch.Tensor) -> torch.Tensor:
    (adapter,) = layer.active_adapters
    base, a, b = layer.get_base_layer(), layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    return MergedLinear.apply(x, base.weight, base.bias, a, b, layer.scaling[adapter])


class MergedLinear(torch.autograd.Function):
    """x (W + s B A)' + bias, with gradients for x (..., in), A (r, in) and B (out, r); W (out, in) is frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        merged = torch.addmm(weight, b, a, alpha=scaling)
        ctx.save_for_backward(x, merged, a, b)
        ctx.scaling = scaling
        return torch.nn.functional.linear(x, merged, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, merged, a, b = ctx.saved_tensors
        (gradient,) = gradients
        rows, inputs = gradient.flatten(0, -2), x.flatten(0, -2)  # (n, out), (n, in)
        for_x = gradient @ merged if ctx.needs_input_grad[0] else None
        for_a = ((rows @ b) * ctx.scaling).T @ inputs
        for_b = ((inputs @ a.T) * ctx.scaling).T @ rows  # (r, out): a third of the time of (out, r)
        return for_x, None, None, for_a, for_b.T, None

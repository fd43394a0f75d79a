"""Run an adapted linear layer as one operation.

PEFT works out W x, then B A x, scales it and adds it, and autograd goes back over each: so many passes over
activations, which are large beside the weights. Here the adapter's product is added into the layer's own output, and
its gradient into the layer's own gradient; nothing but its narrow middle is kept.
"""

from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear


def fuse_adapters(model: PeftModel) -> int:
    """Let the adapted linear layers that can, those with neither dropout nor DoRA, run fused; return how many do."""
    layers = [module for module in model.modules() if type(module) is Linear and can_fuse(module)]
    for layer in layers:
        layer.forward = partial(forward_fused, layer)
    return len(layers)


def can_fuse(layer: Linear) -> bool:
    (adapter,) = layer.active_adapters
    return (
        isinstance(layer.get_base_layer(), torch.nn.Linear)
        and isinstance(layer.lora_dropout[adapter], torch.nn.Identity)
        and not layer.use_dora[adapter]
    )


def forward_fused(layer: Linear, x: torch.Tensor) -> torch.Tensor:
    (adapter,) = layer.active_adapters
    base, a, b = layer.get_base_layer(), layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    return AdaptedLinear.apply(x, base.weight, base.bias, a, b, layer.scaling[adapter])


class AdaptedLinear(torch.autograd.Function):
    """x W' + bias + s x A' B', with gradients for x (..., in), A (r, in) and B (out, r); W (out, in) is frozen.

    Where W is in bfloat16, so is all of it, as under autocast; A and B get gradients in float32.
    """

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
        inputs, a, b = (tensor.to(weight.dtype) for tensor in (x.flatten(0, -2), a, b * scaling))  # inputs (n, in)
        inner = inputs @ a.T  # (n, r)
        output = torch.nn.functional.linear(inputs, weight, bias).addmm_(inner, b.T)
        ctx.save_for_backward(inputs, weight, a, b, inner)
        ctx.scaling, ctx.x_dtype = scaling, x.dtype
        return output.unflatten(0, x.shape[:-1])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight, a, b, inner = ctx.saved_tensors
        (gradient,) = gradients
        rows = gradient.flatten(0, -2)  # (n, out)
        for_inner = rows @ b
        for_a = (for_inner.T @ inputs).float()
        for_b = (inner.T @ rows).float().mul_(ctx.scaling).T  # by way of (r, out): a third of the time of (out, r)
        if not ctx.needs_input_grad[0]:
            return None, None, None, for_a, for_b, None
        for_x = (rows @ weight).addmm_(for_inner, a).to(ctx.x_dtype)
        return for_x.unflatten(0, gradient.shape[:-1]), None, None, for_a, for_b, None

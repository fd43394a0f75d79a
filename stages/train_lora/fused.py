"""Run an adapted linear layer as one operation.

PEFT works out W x, then B A x, scales it and adds it, and autograd goes back over each: so many passes over
activations, which are large beside the weights. Here the adapter's product is added into the layer's own output, and
its gradient into the layer's own gradient; nothing but its narrow middle is kept.
"""

from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear, LoraLayer

from stages.common.probe import note, probe_batch, probing, reason, why_different


def fuse_adapters(model: PeftModel) -> int:
    """Let the adapted linear layers that can, those with neither dropout nor DoRA, run fused; return how many do.

    Logits and gradients stay the same, which is checked on a probe; where they would differ, nothing is changed, and
    that is said, as it is of layers that can't.
    """
    adapted = [module for module in model.modules() if isinstance(module, LoraLayer)]
    layers = [module for module in adapted if type(module) is Linear and can_fuse(module)]
    if len(layers) < len(adapted):
        others = len(adapted) - len(layers)
        note(f"{others} of {len(adapted)} adapters run as PEFT's own: with dropout, DoRA or no linear layer below")
    if not layers:
        return 0
    batch = probe_batch(model)
    expected = probe_gradient(model, batch)
    for layer in layers:
        layer.forward = partial(forward_fused, layer)
    try:
        different = why_different(probe_gradient(model, batch), expected)
    except Exception as error:  # whatever an architecture's own code raises
        different = reason(error)
    if different:
        for layer in layers:
            del layer.forward
        note(f"adapters run as PEFT's own, not fused: {different}")
    return 0 if different else len(layers)


def probe_gradient(model: PeftModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits of a batch and the gradients of all that is trained, as one row of numbers."""
    with probing(model):
        logits = model(**batch).logits
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(logits.float().square().mean(), trained, allow_unused=True)
    return torch.cat([logits.detach().flatten(), *(part.flatten() for part in gradients if part is not None)])


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
        # a view would be refused by models that add to it in place, as Falcon's do
        return torch.ops.aten._unsafe_view(output, (*x.shape[:-1], output.shape[-1]))

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

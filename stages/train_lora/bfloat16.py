"""Train in bfloat16 where the hardware multiplies it natively: when that is, and what of a model can stay in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting

from stages.common.params import TrainParams
from stages.common.probe import note, probe_batch, probe_logits, probing, reason, why_different

LENGTH_MULTIPLE = 16  # of batches: a CPU's products are compiled for each length, in a third of a step, and kept
ROUNDED = 0.1  # how far, relative and absolute, bfloat16 may move the probe's logits


def use_bfloat16(dtype: str) -> bool:
    """`auto` is bfloat16 where the processor multiplies it natively; elsewhere it is slower than float32."""
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return dtype == "bfloat16" or (dtype == "auto" and native)


def proven_dtype(model: PeftModel, params: TrainParams) -> TrainParams:
    """Return the params with float32 in place of bfloat16 where the model can't be trained in bfloat16."""
    if not use_bfloat16(params.dtype):
        return params
    batch = probe_batch(model)
    expected = probe_logits(model, batch)
    try:
        with torch.autocast(model.device.type, torch.bfloat16), probing(model):
            logits = model(**batch).logits.float()
            trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
            gradients = torch.autograd.grad(logits.square().mean(), trained, allow_unused=True)
        finite = all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)
        different = why_different(logits.detach(), expected, ROUNDED) if finite else "its gradients overflow"
    except Exception as error:  # whatever an architecture's own code raises
        different = reason(error)
    if not different:
        return params
    note(f"training computes in float32, not bfloat16: {different}")
    return params.model_copy(update={"dtype": "float32"})


@contextmanager
def bfloat16_base(model: PeftModel) -> Iterator[None]:
    """Under autocast, keep the frozen linear weights in bfloat16, and let adapters take their input as it comes.

    Autocast would round the same weights anew in every step, and PEFT would widen each adapter's input only for
    autocast to round it back: the results are the same, bit for bit. DoRA reads the weights themselves, and is left
    alone. Afterwards the weights are the float32 ones again.
    """
    if model.active_peft_config.use_dora:
        yield
        return
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    frozen = [parameter for module in linear for parameter in module.parameters() if parameter.dtype == torch.float32]
    kept = [(parameter, parameter.data) for parameter in frozen if not parameter.requires_grad]
    for parameter, weights in kept:
        parameter.data = weights.bfloat16()
    try:
        with disable_input_dtype_casting(model):
            yield
    finally:
        for parameter, weights in kept:
            parameter.data = weights

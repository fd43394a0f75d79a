"""Leave out what no head reads: all but the first position of an encoder's last block."""

import copy

import torch
from torch.utils.hooks import RemovableHandle
from transformers import AttentionInterface, PreTrainedModel

from stages.common.model import find_blocks

QUERIES = ("attention.self.query", "attention.self.query_proj", "attention.q_lin", "attention.attn.q")
FIRST_POSITION_SUFFICES = (  # modules of a block, after its keys and values, in each family of architectures
    "attention.output",  # BERT, RoBERTa, ELECTRA, DeBERTa-v2
    "attention.out_lin",  # DistilBERT
    "sa_layer_norm",
    "attention.attn.o",  # MPNet
    "attention.LayerNorm",
    "attn.Wo",  # ModernBERT
    "mlp_norm",
)


def skip_unread_positions(model: PreTrainedModel) -> bool:
    """Let the last block work out the first position alone, where that is the only one that the head reads.

    In BERT and its relatives the head reads the first token. The other positions serve the last block as keys and
    values; their queries, their attention and their feed-forward, five sixths of the block's products, go unread.
    Logits and gradients stay the same, which is checked on a probe here; where they would differ, nothing is changed.

    Returns:
        Whether the model was changed.
    """
    _, blocks = find_blocks(model)
    modules = dict(blocks[-1].named_modules())
    narrowed = [modules[name] for name in FIRST_POSITION_SUFFICES if name in modules]
    readers = [module for module in modules.values() if attends_by(module) == "sdpa"]
    probe = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], device=next(model.parameters()).device)
    inputs = {"input_ids": torch.arange(5, 17, device=probe.device).view(2, 6) * probe, "attention_mask": probe}
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        whole = model(**inputs).logits
        hooks = [module.register_forward_pre_hook(first_position) for module in narrowed]
        hooks += [hook for name in QUERIES if name in modules for hook in ask_once(modules[name])]
        configs = [reader.config for reader in readers]
        for reader in readers:
            reader.config = copy.copy(reader.config)
            reader.config._attn_implementation = "first_query"
        try:
            same = bool(hooks) and torch.allclose(model(**inputs).logits, whole, rtol=1e-4, atol=1e-4)
        except (IndexError, RuntimeError):
            same = False
        if not same:
            for hook in hooks:
                hook.remove()
            for reader, config in zip(readers, configs, strict=True):
                reader.config = config
    model.train(was_training)
    return same


def attends_by(module: torch.nn.Module) -> str | None:
    """Return the way in which a module computes attention, if it is one that does."""
    config = getattr(module, "config", None) if "Attention" in type(module).__name__ else None
    return getattr(config, "_attn_implementation", None)


def first_position(_: torch.nn.Module, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(state[:, :1] for state in states)


def ask_once(query: torch.nn.Module) -> list[RemovableHandle]:
    """Give every position the first one's query: the block's own code counts on as many queries as positions."""
    length: list[int] = []

    def before(_: torch.nn.Module, states: tuple[torch.Tensor]) -> torch.Tensor:
        length[:] = [states[0].shape[1]]
        return states[0][:, :1]

    def after(_: torch.nn.Module, states: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return output.expand(-1, length[0], -1)

    return [query.register_forward_pre_hook(before), query.register_forward_hook(after)]


def first_query_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attend from the first position, float (batch, heads, length, size); the others' outputs are unread copies."""
    if attention_mask is not None and attention_mask.shape[2] > 1:
        attention_mask = attention_mask[:, :, :1]
    states = torch.nn.functional.scaled_dot_product_attention(
        query[:, :, :1], key, value, attn_mask=attention_mask, scale=scaling
    )
    return states.transpose(1, 2).expand(-1, query.shape[2], -1, -1), None


AttentionInterface.register("first_query", first_query_attention)

"""Leave out what no head reads: all but the first position of an encoder's last block."""

from typing import Any

import torch
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from stages.common.attention import replace_attention
from stages.common.blocks import find_blocks
from stages.common.probe import note, probe_batch, probe_logits, why_not

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
    Logits stay the same, which is checked on a probe here; where they would differ, nothing is changed, and that is
    said, unless the head reads other positions, too.

    Returns:
        Whether the model was changed.
    """
    block = list(find_blocks(model))[-1]
    modules = dict(block.named_modules())
    narrowed = [modules[name] for name in FIRST_POSITION_SUFFICES if name in modules]
    batch = probe_batch(model)
    expected = probe_logits(model, batch)
    if not reads_first_alone(model, block, batch, expected):
        return False
    hooks = [module.register_forward_pre_hook(first_position) for module in narrowed]
    hooks += [hook for name in QUERIES if name in modules for hook in ask_once(modules[name])]
    undo = replace_attention(block, "first_query")
    different = why_not(model, batch, expected) if hooks else "its blocks have other parts than those known"
    if different:
        for hook in hooks:
            hook.remove()
        undo()
        note(f"the last block works out every position, not the first alone: {different}")
    return not different


def reads_first_alone(
    model: PreTrainedModel, block: torch.nn.Module, batch: dict[str, torch.Tensor], expected: torch.Tensor
) -> bool:
    """Tell whether the logits stay the same when the block gives zeros for all positions but the first."""

    def keep_first(_module: torch.nn.Module, _inputs: tuple, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        first = torch.zeros_like(states).index_copy_(1, states.new_zeros(1, dtype=torch.int64), states[:, :1])
        return (first, *output[1:]) if isinstance(output, tuple) else first

    hook = block.register_forward_hook(keep_first)
    try:
        return not why_not(model, batch, expected)
    finally:
        hook.remove()


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

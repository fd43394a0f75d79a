"""Keep padding out of models whose logits depend on it."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from stages.common.probe import probe_batch, probe_logits

ROUNDING = 1e-5  # how far the length of a batch may move logits, of the largest of them


def padding_changes_logits(model: PreTrainedModel) -> bool:
    """Tell whether a text gets other logits when it is padded, right, to the length of another."""
    batch = probe_batch(model)
    lengths = batch["attention_mask"].sum(1).tolist()
    alone = [
        probe_logits(model, {name: tensor[row : row + 1, :length] for name, tensor in batch.items()})
        for row, length in enumerate(lengths)
    ]
    try:
        padded = probe_logits(model, batch)
    except Exception:  # it takes texts one at a time at most
        return True
    expected = torch.cat(alone)
    return not bool((padded - expected).abs().max() <= ROUNDING * expected.abs().max()) or reads_padding(model, batch)


def reads_padding(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> bool:
    """Tell whether logits change, by whatever little, when the embeddings of padding are those of another token.

    Before the head is trained logits hardly vary, and what padding does to them looks like rounding; but nothing is
    rounded otherwise here, where shapes stay the same.
    """
    padding = batch["attention_mask"] == 0

    def replace(_module: torch.nn.Module, _ids: object, embedded: torch.Tensor) -> torch.Tensor:
        embedded = embedded.clone()
        if embedded.shape[0] == len(padding):  # XLNet's stand the other way round
            embedded[:, : padding.shape[1]][padding] = embedded[0, 1].clone()
        return embedded

    expected = probe_logits(model, batch)
    handle = model.get_input_embeddings().register_forward_hook(replace)
    try:
        return not torch.equal(probe_logits(model, batch), expected)
    finally:
        handle.remove()


def run_by_length(model: PreTrainedModel) -> None:
    """Let the model run the rows of a batch by their length, without padding, and give their logits in order."""
    model.forward = wraps(model.forward)(partial(forward_by_length, model.forward))


def forward_by_length(
    forward: Callable[..., Any],
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    token_type_ids: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    **options: Any,
) -> SequenceClassifierOutput:
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    if token_type_ids is not None:
        inputs["token_type_ids"] = token_type_ids
    lengths = attention_mask.sum(1)
    groups = [(length, (lengths == length).nonzero().flatten()) for length in lengths.unique().tolist()]
    parts = [
        forward(**{name: tensor[rows, :length] for name, tensor in inputs.items()}).logits for length, rows in groups
    ]
    logits = torch.cat(parts)[torch.cat([rows for _, rows in groups]).argsort()]
    loss = None if labels is None else torch.nn.functional.cross_entropy(logits.float(), labels)
    return SequenceClassifierOutput(loss=loss, logits=logits)

"""Keep padding out of models whose logits depend on it."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from stages.common.probe import probe_batch, probe_logits

ROUNDING = 3e-6, 1e-5  # how far it may move logits, of the largest of them: at least, and at most
VARIED = 3e-4  # between these, of the standard deviation between texts


def padding_changes_logits(model: PreTrainedModel) -> bool:
    """Tell whether a text gets other logits when it is padded, right, to the length of another.

    Before the head is trained logits hardly vary: what counts is how far padding moves them beside another text.
    """
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
    least, most = (part * expected.abs().max() for part in ROUNDING)
    rounding = (VARIED * expected.std(0).max()).clamp(least, most)
    return not bool((padded - expected).abs().max() <= rounding)


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

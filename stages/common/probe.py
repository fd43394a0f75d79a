"""Ask the model at hand: does a short cut give it the same logits?"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import torch
from transformers import PreTrainedConfig, PreTrainedModel

LENGTHS = (47, 31, 9)  # tokens of the probe's rows: odd, which fill no window, and padded
PROBE_IDS = 1000  # token ids that the rows are drawn from
TOLERANCE = 1e-4  # relative, and of what varies


@cache
def note(message: str) -> None:
    """Say on the screen, once, what is left out, and why."""
    print(f"note: {message}", file=sys.stderr)


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """Return the part of a configuration that describes the text model: of one that also sees images, say."""
    try:
        return config.get_text_config()
    except ValueError:  # several
        return config


def probe_batch(model: PreTrainedModel, lengths: Sequence[int] = LENGTHS) -> dict[str, torch.Tensor]:
    """Return input_ids and attention_mask, int64 (rows, longest): random ids, the same in every run.

    Each row begins and ends as the configuration says that texts do, and is padded right.
    """
    config = text_config(model.config)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    special = {name: token_id(config, name, vocabulary) for name in ("bos", "cls", "eos", "sep", "pad", "mask", "unk")}
    ordinary = torch.tensor([token for token in range(min(vocabulary, PROBE_IDS)) if token not in special.values()])
    first = special["bos"] if special["cls"] is None else special["cls"]
    last = special["sep"] if special["eos"] is None else special["eos"]
    positions = getattr(config, "max_position_embeddings", None) or 0
    longest = min(max(lengths), positions - 8) if positions > 8 else max(lengths)
    random = torch.Generator().manual_seed(0)
    ids = torch.full((len(lengths), longest), special["pad"] or 0)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(min(length, longest) for length in lengths):
        ids[row, :length] = ordinary[torch.randint(len(ordinary), (length,), generator=random)]
        ids[row, 0] = ids[row, 0] if first is None else first
        ids[row, length - 1] = ids[row, length - 1] if last is None else last
        mask[row, :length] = 1
    device = next(model.parameters()).device
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def token_id(config: PreTrainedConfig, name: str, vocabulary: int) -> int | None:
    """Return the id of a special token, if the configuration names one that there is."""
    value = getattr(config, f"{name}_token_id", None)
    value = value[0] if isinstance(value, list) else value
    return value if isinstance(value, int) and 0 <= value < vocabulary else None


@contextmanager
def probing(model: torch.nn.Module) -> Iterator[None]:
    """Switch dropout and TF32 off, and leave the model and the random numbers as they were."""
    was_training, precision = model.training, torch.get_float32_matmul_precision()
    model.eval()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        model.train(was_training)


def probe_logits(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits of a batch, float32 (rows, classes)."""
    with probing(model), torch.no_grad():  # not inference mode: what a model keeps for later must take gradients
        return model(**batch).logits.float()


def why_not(
    model: PreTrainedModel, batch: dict[str, torch.Tensor], expected: torch.Tensor, rounded: float | None = None
) -> str | None:
    """Return why the model does not give the expected logits, or None when it does."""
    try:
        return why_different(probe_logits(model, batch), expected, rounded)
    except Exception as error:  # whatever an architecture's own code raises
        return reason(error)


def why_different(found: torch.Tensor, expected: torch.Tensor, rounded: float | None = None) -> str | None:
    """Return by how much two tensors differ, or None when they are the same.

    Args:
        rounded: how far, relative and absolute, a coarser number format may move them. Otherwise they must be the same
            but for rounding in float32, logits, float (rows, classes), by how they vary from row to row: before the
            head is trained, that is little.
    """
    if found.shape != expected.shape:
        return f"the logits would be {tuple(found.shape)} numbers instead of {tuple(expected.shape)}"
    varies = expected.std(0).max().item() if expected.dim() > 1 and len(expected) > 1 else 1.0
    relative, absolute = (rounded, rounded) if rounded else (TOLERANCE, TOLERANCE * min(1.0, varies))
    if torch.allclose(found, expected, rtol=relative, atol=absolute):
        return None
    return f"it would change results by {(found - expected).abs().max().item():.2g}"


def reason(error: Exception) -> str:
    """Return an error as one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]

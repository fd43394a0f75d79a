"""Run a classifier over a tokenized split."""

import numpy as np
import torch
from datasets import Dataset
from tqdm import tqdm
from transformers import (
    PreTrainedModel,
)

from predict.tokens import Window, pad

PARITY_ROWS = 64


def parity_rows(split: Dataset) -> Dataset:
    """Return PARITY_ROWS rows of a split, from its shortest to its longest, to compare forms of a model on."""
    places = np.linspace(0, len(split) - 1, min(PARITY_ROWS, len(split))).astype(int)
    return split.select(np.argsort(split["length"], kind="stable")[places])


def longest_first(split: Dataset) -> np.ndarray:
    """Return the places of a split's rows from the longest to the shortest.

    In this order each batch fits into the memory of the one before, and running out of memory happens at once or never.
    In the opposite one no freed block is large enough for the next batch, and the process grows threefold.
    """
    return np.argsort(-np.asarray(split["length"]), kind="stable")


def row_windows(rows: dict[str, list]) -> list[Window]:
    """Return what the model reads of rows of a tokenized split."""
    segments = rows.get("token_type_ids") or [None] * len(rows["input_ids"])
    return [Window(*row) for row in zip(rows["input_ids"], segments, strict=True)]


def pad_batch(rows: dict[str, list], pad_token_id: int, multiple: int = 1) -> dict[str, torch.Tensor]:
    """Return what the model reads of rows of a tokenized split, padded as `predict.tokens.pad` does."""
    return {name: torch.from_numpy(array) for name, array in pad(row_windows(rows), pad_token_id, multiple).items()}


def predict_logits(model: PreTrainedModel, split: Dataset, batch_size: int, progress: str | None = None) -> np.ndarray:
    """Return the logits of every row of a tokenized split, float32 (n, classes), in its order.

    Batches hold rows of near-equal length, so that padding costs little.
    """
    device = next(model.parameters()).device
    order = longest_first(split)
    logits: np.ndarray | None = None
    with torch.inference_mode(), tqdm(total=len(order), desc=progress, unit="text", disable=progress is None) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = pad_batch(split[rows], model.config.pad_token_id)
            output = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits.float().cpu().numpy()
            if logits is None:
                logits = np.zeros((len(order), output.shape[1]), dtype=np.float32)
            logits[rows] = output
            bar.update(len(rows))
    assert logits is not None, "a split has rows: prepare-data sees to it"
    return logits

"""Run a classifier over a tokenized split."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import torch
from datasets import Dataset
from tqdm import tqdm
from transformers import (
    PreTrainedModel,
)

from predict.tokens import Window, pad
from predict.windows import pool
from stages.common.probe import text_config
from stages.common.splits import row_windows

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


def pad_batch(windows: Sequence[Window], pad_token_id: int, multiple: int = 1) -> dict[str, torch.Tensor]:
    """Return what `predict.tokens.pad` does, as tensors."""
    return {name: torch.from_numpy(array) for name, array in pad(windows, pad_token_id, multiple).items()}


def window_batches(
    texts: list[list[Window]], size: int, pad_token_id: int, multiple: int = 1
) -> Iterator[dict[str, torch.Tensor]]:
    """Give the windows of texts in batches of at most `size`: however many a text has, memory is bounded."""
    windows = list(chain.from_iterable(texts))
    for start in range(0, len(windows), size):
        yield pad_batch(windows[start : start + size], pad_token_id, multiple)


def predict_logits(
    model: PreTrainedModel, split: Dataset, batch_size: int, pooling: str = "", progress: str | None = None
) -> np.ndarray:
    """Return the logits of every row of a tokenized split, float32 (n, classes), in its order.

    Batches hold rows of near-equal length, so that padding costs little.

    Args:
        pooling: `tokenize.window_pooling`, where texts have several windows.
    """
    device = next(model.parameters()).device
    order = longest_first(split)
    logits: np.ndarray | None = None
    with torch.inference_mode(), tqdm(total=len(order), desc=progress, unit="text", disable=progress is None) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            texts = row_windows(split[rows])
            parts = [
                model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits.float().cpu().numpy()
                for batch in window_batches(texts, batch_size, text_config(model.config).pad_token_id)
            ]
            output = pool(np.concatenate(parts), np.array([*map(len, texts)]), pooling)
            if logits is None:
                logits = np.zeros((len(order), output.shape[1]), dtype=np.float32)
            logits[rows] = output
            bar.update(len(rows))
    assert logits is not None, "a split has rows: prepare-data sees to it"
    return logits

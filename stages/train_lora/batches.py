"""Make batches of texts of near-equal length, and give each text its weight in the loss."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch

from stages.common.inference import pad_batch
from stages.common.params import TrainParams
from stages.common.splits import multi_hot, row_windows
from stages.train_lora.bfloat16 import LENGTH_MULTIPLE
from stages.train_lora.launcher import RANK, WORLD_SIZE

MEGABATCH = 50  # batches' worth of rows that are shuffled together, then sorted by length


class LengthBatches:
    """Batches of rows of near-equal length, in an order that the seed and the epoch alone decide.

    Of `batch_size` rows each: every epoch shuffles all rows and sorts them by length within MEGABATCH batches. Of
    `max_batch_tokens` padded tokens each: rows are sorted by length, and those of one length shuffled. A text that is
    cut into windows is in one batch with all of them, and as long as the longest. Under a launcher
    of several processes each gets its share of every batch.

    A batch is a list of pairs: the number of a row, and its weight in the loss, which is the sum of the weighted
    cross-entropies; with several labels a row it has a weight for each. The weight of row i in a batch of n rows is
    `weights[i]` * processes / n. The mean of the processes' gradients, which is what they step by, is then that of the
    whole batch, however uneven the shares are.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        params: TrainParams,
        weights: np.ndarray | None = None,
        rank: int = RANK,
        world_size: int = WORLD_SIZE,
        windows: np.ndarray | None = None,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.weights = np.ones(len(self.lengths)) if weights is None else weights
        self.windows = np.ones(len(self.lengths), dtype=int) if windows is None else windows
        self.batch_size = params.batch_size
        self.max_tokens = params.max_batch_tokens
        self.seed = params.seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.epoch_batches())

    def __iter__(self) -> Iterator[list[tuple[int, Any]]]:
        for batch in self.epoch_batches():
            share = batch[self.rank :: self.world_size]
            weights = self.weights[share] * self.world_size / len(batch)
            if len(share):
                yield list(zip(share.tolist(), weights.tolist(), strict=True))
            else:  # more processes than rows: this one has to take part in the step, with a row that counts nothing
                yield [(int(batch[0]), 0.0)]

    def epoch_batches(self) -> list[np.ndarray]:
        """Return the whole batches of this epoch, over all processes."""
        random = np.random.default_rng([self.seed, self.epoch])
        shuffled = random.permutation(len(self.lengths))
        batches: list[np.ndarray] = []
        if self.max_tokens:
            rows = shuffled[np.argsort(-self.lengths[shuffled], kind="stable")]
            before = np.concatenate([[0], np.cumsum(self.windows[rows])])  # windows of the rows before each
            start = 0
            while start < len(rows):
                most = before[start] + self.max_tokens // int(self.lengths[rows[start]])
                end = max(start + 1, int(np.searchsorted(before, most, side="right")) - 1)
                batches.append(rows[start:end])
                start = end
        else:
            for start in range(0, len(shuffled), self.batch_size * MEGABATCH):
                rows = shuffled[start : start + self.batch_size * MEGABATCH]
                rows = rows[np.argsort(-self.lengths[rows], kind="stable")]
                batches += [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
        return [batches[place] for place in random.permutation(len(batches))]


class WeightedRows(torch.utils.data.Dataset):
    """Rows to train on, asked for by pairs of a number and a weight, as LengthBatches gives them."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, pairs: list[tuple[int, Any]]) -> list[dict[str, Any]]:
        rows = self.rows.__getitems__([number for number, _ in pairs])
        return [{**row, "weight": weight} for row, (_, weight) in zip(rows, pairs, strict=True)]


class Collator:
    """Pad the windows of rows to the longest: int64 (windows, length), and the prefix float32 (windows, length, width).

    In bfloat16 to a multiple of LENGTH_MULTIPLE. A row is one window, unless the split has `windows`: then their number
    is given, int64 (rows,). Rows to train on come with `weights`, float32 (rows,). Labels are numbers of classes, int64
    (rows,); of `num_classes`, where rows may have several, 0 or 1, float32 (rows, classes), and so are weights.
    """

    def __init__(self, pad_token_id: int, bfloat16: bool = False, num_classes: int | None = None) -> None:
        self.num_classes = num_classes
        self.pad_token_id = pad_token_id
        self.multiple = LENGTH_MULTIPLE if bfloat16 else 1

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        read = ("input_ids", "token_type_ids", "windows")
        texts = row_windows({name: [row[name] for row in rows] for name in read if name in rows[0]})
        batch = pad_batch([*chain.from_iterable(texts)], self.pad_token_id, self.multiple)
        if "windows" in rows[0]:
            batch["windows"] = torch.tensor([*map(len, texts)])
        labels = [row["label"] for row in rows]
        if self.num_classes is None:
            batch["labels"] = torch.tensor([int(label) for label in labels])
        else:
            batch["labels"] = torch.from_numpy(multi_hot(labels, self.num_classes)).float()
        if "weight" in rows[0]:
            batch["weights"] = torch.tensor([row["weight"] for row in rows], dtype=torch.float32)
        if "prefix" in rows[0]:
            states: list[torch.Tensor] = []
            for stored, windows in zip(rows, texts, strict=True):
                whole = stored["prefix"].view(stored["length"], -1)
                states += whole.split([len(each.ids) for each in windows])
            batch["prefix"] = torch.zeros(*batch["input_ids"].shape, states[0].shape[1])
            for number, window in enumerate(states):
                batch["prefix"][number, : len(window)] = window
        return batch

"""From the token ids of a text, or of two, to what a model reads: the part that is kept, and the tokens around it.

The same for training and for prediction; NumPy and the standard library only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """What a model reads at once: token ids, and of a pair the segment that each is in, if the model has segments."""

    ids: list[int]
    segments: list[int] | None = None


@dataclass(frozen=True)
class Layout:
    """How token ids become what the model reads: `tokenize` in the manifest of an export."""

    max_length: int
    truncation: str
    head_fraction: float
    tokens_before: list[int]
    tokens_between: list[int] | None  # the two texts of a pair; None where a row is a single text
    tokens_after: list[int]
    segments: list[int] | None  # of the tokens before, the first text, those between, the second text, those after
    pad_token_id: int

    @property
    def pairs(self) -> bool:
        return self.tokens_between is not None

    @property
    def num_special(self) -> int:
        return len([*self.tokens_before, *(self.tokens_between or []), *self.tokens_after])


def lay_out(texts: Sequence[list[int]], layout: Layout) -> Window:
    """Return what the model reads of a text's token ids, or of those of the two texts of a pair."""
    rooms = fair_rooms([len(ids) for ids in texts], layout.max_length - layout.num_special)
    kept = [
        truncate(ids, room, layout.truncation, layout.head_fraction) for ids, room in zip(texts, rooms, strict=True)
    ]
    parts = [layout.tokens_before, kept[0], layout.tokens_after]
    if layout.tokens_between is not None:
        parts[2:2] = [layout.tokens_between, kept[1]]
    segments = layout.segments and [segment for part, segment in zip(parts, layout.segments, strict=True) for _ in part]
    return Window(list(chain.from_iterable(parts)), segments)


def fair_rooms(lengths: Sequence[int], room: int) -> list[int]:
    """Return how much of `room` tokens each text gets: of two, each half, and what the shorter one leaves."""
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    given = min(first, max(room - second, room - room // 2))
    return [given, room - given]


def truncate(ids: list[int], room: int, truncation: str, head_fraction: float) -> list[int]:
    """Return at most `room` of a text's token ids: its start, its end, or some of both."""
    if len(ids) <= room:
        return ids
    head = {"head": room, "tail": 0, "head_tail": round(room * head_fraction)}[truncation]
    return ids[:head] + ids[len(ids) - (room - head) :]


def pad(windows: Sequence[Window], pad_token_id: int, multiple: int = 1) -> dict[str, np.ndarray]:
    """Return input_ids, attention_mask and, of windows with segments, token_type_ids, int64 (windows, length).

    Padding stands right. The length is that of the longest window, rounded up to a multiple.
    """
    length = -(-max(len(window.ids) for window in windows) // multiple) * multiple
    ids = np.full((len(windows), length), pad_token_id, dtype=np.int64)
    batch = {"input_ids": ids, "attention_mask": np.zeros_like(ids)}
    if windows[0].segments is not None:
        batch["token_type_ids"] = np.zeros_like(ids)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        batch["attention_mask"][row, : len(window.ids)] = 1
        if window.segments is not None:
            batch["token_type_ids"][row, : len(window.ids)] = window.segments
    return batch

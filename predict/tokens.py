"""From the token ids of a text, or of two, to what a model reads: what is kept, in windows, and the tokens around it.

The same for training and for prediction; NumPy and the standard library only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from predict.windows import cut_windows, reach


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
    long_texts: str
    window_overlap: float
    max_windows: int
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

    def rooms(self, lengths: Sequence[int]) -> list[int]:
        """Return how many tokens each text of a row gets in a window."""
        return fair_rooms(lengths, self.max_length - self.num_special)

    def reach(self, room: int) -> int:
        """Return how many tokens of a row's last text are kept where it gets `room` in a window."""
        return reach(room, self.window_overlap, self.max_windows) if self.long_texts == "windows" else room


def lay_out(texts: Sequence[list[int]], layout: Layout) -> list[Window]:
    """Return what the model reads of a text's token ids, or of those of the two texts of a pair.

    It is one window, unless the layout asks for more over a long text; of a pair the second text is in several, each
    beside the first.
    """
    *rooms, room = layout.rooms([len(ids) for ids in texts])
    first = [keep(ids, room, layout) for ids, room in zip(texts, rooms, strict=False)]
    last = keep(texts[-1], layout.reach(room), layout)
    parts = cut_windows(last, room, layout.window_overlap) if layout.long_texts == "windows" else [last]
    return [surround([*first, part], layout) for part in parts]


def num_kept(lengths: Sequence[int], layout: Layout) -> int:
    """Return how many tokens of a row are kept, special ones included; what windows share counts once.

    Args:
        lengths: the tokens of its texts.
    """
    *rooms, room = layout.rooms(lengths)
    return layout.num_special + sum(map(min, lengths, [*rooms, layout.reach(room)]))


def surround(texts: Sequence[list[int]], layout: Layout) -> Window:
    """Put the special tokens around the token ids of a text, or around and between those of two."""
    parts = [layout.tokens_before, texts[0], layout.tokens_after]
    if layout.tokens_between is not None:
        parts[2:2] = [layout.tokens_between, texts[1]]
    segments = layout.segments and [segment for part, segment in zip(parts, layout.segments, strict=True) for _ in part]
    return Window(list(chain.from_iterable(parts)), segments)


def fair_rooms(lengths: Sequence[int], room: int) -> list[int]:
    """Return how much of `room` tokens each text gets: of two, each half, and what the shorter one leaves."""
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    given = min(first, max(room - second, room - room // 2))
    return [given, room - given]


def keep(ids: list[int], room: int, layout: Layout) -> list[int]:
    return truncate(ids, room, layout.truncation, layout.head_fraction)


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

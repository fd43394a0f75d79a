"""Windows over a long text: where they lie, and one answer from those that each of them gets.

The same for training and for prediction; NumPy and the standard library only.
"""

import math

import numpy as np


def reach(room: int, overlap: float, most: int) -> int:
    """Return how many tokens `most` windows of `room` tokens hold that share `overlap` of it with the one before."""
    return room + (most - 1) * (room - int(room * overlap))


def cut_windows(ids: list[int], room: int, overlap: float) -> list[list[int]]:
    """Return a text's token ids in as few windows of at most `room` as share `overlap` of it with the one before.

    They are even, so that none holds a few words alone.
    """
    shared = int(room * overlap)
    count = max(1, math.ceil((len(ids) - shared) / (room - shared)))
    length = math.ceil((len(ids) + (count - 1) * shared) / count)
    starts = [round(place * (len(ids) - length) / max(1, count - 1)) for place in range(count)]
    return [ids[start : start + length] for start in starts]


def pool(logits: np.ndarray, counts: np.ndarray, pooling: str) -> np.ndarray:
    """Return the logits of texts, float (texts, classes), from those of their windows, float (windows, classes).

    Neither their mean nor which window is the surest depends on the temperature.

    Args:
        counts: of each text its windows, which follow one another, int (texts,).
    """
    if len(logits) == len(counts):
        return logits
    if pooling == "surest":
        return logits[surest_windows(logits, counts)]
    assert pooling == "mean", pooling
    sums = np.add.reduceat(logits, np.cumsum(counts) - counts, axis=0)
    return (sums / counts[:, None]).astype(logits.dtype)


def surest_windows(logits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the number of each text's surest window, int (texts,): that whose likeliest class is furthest ahead."""
    second, first = np.sort(logits, axis=1)[:, -2:].T
    return np.array(
        [
            end - count + (first - second)[end - count : end].argmax()
            for end, count in zip(np.cumsum(counts), counts, strict=True)
        ]
    )

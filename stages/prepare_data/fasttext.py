"""Read fastText's lines: `__label__NAME`, once or more, and the text."""

from collections.abc import Iterable, Iterator

import pandas as pd

PREFIX = "__label__"
BATCH_LINES = 10_000


def is_fasttext(sample: str) -> bool:
    return sample.lstrip("\ufeff").startswith(PREFIX)


def read_fasttext(lines: Iterable[str], several: bool) -> Iterator[pd.DataFrame]:
    """Yield the rows in batches: text and label, which is a list where a line has several; always, with `several`."""
    rows: list[tuple[str, str | list[str]]] = []
    for line in lines:
        words = line.lstrip("\ufeff").split()
        if not words:
            continue
        labels = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
        text = " ".join(word for word in words if not word.startswith(PREFIX))
        rows.append((text, labels if several or len(labels) > 1 else "".join(labels)))
        if len(rows) == BATCH_LINES:
            yield pd.DataFrame(rows, columns=["text", "label"])
            rows = []
    yield pd.DataFrame(rows, columns=["text", "label"])

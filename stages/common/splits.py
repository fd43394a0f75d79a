"""Read what prepare-data and tokenize leave: for each split a parquet file, and an Arrow file that is memory-mapped."""

from collections.abc import Sequence
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, List, Value

from predict.tokens import Window

SPLITS = ("train", "validation", "test")


def read_prepared(prepared_dir: Path, split: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the rows of a prepared split, with those of the columns that it has; None is all.

    Without a pool of threads: where there is no memory for one, pyarrow waits for it for ever.
    """
    with pq.ParquetFile(prepared_dir / f"{split}.parquet") as file:
        return file.read(columns, use_threads=False).to_pandas(use_threads=False)


def token_features(
    labels: list[str], segments: bool = False, windows: bool = False, multi_label: bool = False
) -> Features:
    """Return the columns of a tokenized split.

    input_ids: the tokens to read, special ones included, window after window; token_type_ids: of pairs, the segment of
    each, if the model has `segments`; length: how many those are; num_tokens: how many the whole text has, special
    ones included; label: the number of the class, whose names are in the file, or the numbers of the classes where rows
    have several labels. Where long texts are cut into `windows`, windows: how many tokens each of them has; num_kept:
    how many of the text's are in one or another.
    """
    label = ClassLabel(names=labels)
    return Features(
        {
            "input_ids": List(Value("int32")),
            **({"token_type_ids": List(Value("int8"))} if segments else {}),
            "length": Value("int32"),
            "num_tokens": Value("int32"),
            **({"windows": List(Value("int32")), "num_kept": Value("int32")} if windows else {}),
            "label": List(label) if multi_label else label,
        }
    )


def token_columns(texts: list[list[Window]]) -> dict[str, list]:
    """Return the columns of a tokenized split that say what the model reads of its texts."""
    columns: dict[str, list] = {
        "input_ids": [list(chain.from_iterable(window.ids for window in text)) for text in texts],
        "windows": [[len(window.ids) for window in text] for text in texts],
    }
    if texts[0][0].segments is not None:
        columns["token_type_ids"] = [[number for window in text for number in window.segments or []] for text in texts]
    return {**columns, "length": [*map(len, columns["input_ids"])]}


def row_windows(rows: dict[str, list]) -> list[list[Window]]:
    """Return what the model reads of rows of a tokenized split: of each its windows."""
    texts = []
    segments = rows.get("token_type_ids") or [None] * len(rows["input_ids"])
    for ids, types, lengths in zip(
        rows["input_ids"], segments, rows.get("windows") or [[len(ids)] for ids in rows["input_ids"]], strict=True
    ):
        places = [slice(end - length, end) for end, length in zip(accumulate(lengths), lengths, strict=True)]
        texts.append([Window(ids[place], None if types is None else types[place]) for place in places])
    return texts


def window_sizes(split: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of each text's longest window, and the number of its windows, both int (n,)."""
    if "windows" not in split.column_names:
        return np.asarray(split["length"]), np.ones(len(split), dtype=int)
    windows = split["windows"][:]
    return np.array([*map(max, windows)]), np.array([*map(len, windows)])


def split_path(tokenized_dir: Path, split: str) -> Path:
    return tokenized_dir / f"{split}.arrow"


def read_split(tokenized_dir: Path, split: str) -> Dataset:
    """Return a tokenized split; its rows stand in the order of the prepared split."""
    return Dataset.from_file(str(split_path(tokenized_dir, split)))


def label_names(split: Dataset) -> list[str]:
    """Return the class names in order."""
    label = split.features["label"]
    return (label.feature if is_multi_label(split) else label).names


def is_multi_label(split: Dataset) -> bool:
    """Say whether rows may have several labels."""
    return isinstance(split.features["label"], List)


def true_labels(split: Dataset) -> np.ndarray:
    """Return the class number of each row, int (rows,); of several labels a row whether it has each, bool (rows,
    classes)."""
    labels = split["label"][:]
    return multi_hot(labels, len(label_names(split))) if is_multi_label(split) else np.asarray(labels)


def multi_hot(labels: Sequence[Sequence[int]], num_classes: int) -> np.ndarray:
    """Return whether each row has each label, bool (rows, classes), from the numbers of its labels."""
    matrix = np.zeros((len(labels), num_classes), dtype=bool)
    for row, numbers in enumerate(labels):
        matrix[row, np.asarray(numbers, dtype=int)] = True
    return matrix

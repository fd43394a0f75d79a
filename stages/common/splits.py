"""Read what prepare-data and tokenize leave: for each split a parquet file, and an Arrow file that is memory-mapped."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, List, Value

SPLITS = ("train", "validation", "test")


def read_prepared(prepared_dir: Path, split: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the rows of a prepared split, with those of the columns that it has; None is all.

    Without a pool of threads: where there is no memory for one, pyarrow waits for it for ever.
    """
    with pq.ParquetFile(prepared_dir / f"{split}.parquet") as file:
        return file.read(columns, use_threads=False).to_pandas(use_threads=False)


def token_features(labels: list[str], segments: bool = False) -> Features:
    """Return the columns of a tokenized split.

    input_ids: the tokens kept, special ones included; token_type_ids: of pairs, the segment of each, if the model has
    `segments`; length: how many those are; num_tokens: how many the whole text has, special ones included; label: the
    number of the class, whose names are in the file.
    """
    return Features(
        {
            "input_ids": List(Value("int32")),
            **({"token_type_ids": List(Value("int8"))} if segments else {}),
            "length": Value("int32"),
            "num_tokens": Value("int32"),
            "label": ClassLabel(names=labels),
        }
    )


def split_path(tokenized_dir: Path, split: str) -> Path:
    return tokenized_dir / f"{split}.arrow"


def read_split(tokenized_dir: Path, split: str) -> Dataset:
    """Return a tokenized split; its rows stand in the order of the prepared split."""
    return Dataset.from_file(str(split_path(tokenized_dir, split)))


def label_names(split: Dataset) -> list[str]:
    """Return the class names in order."""
    return split.features["label"].names

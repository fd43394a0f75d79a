"""Name what training starts from: hashes of the base model and of the rows."""

import hashlib
from pathlib import Path

import numpy as np
from datasets import Dataset

from stages.common.splits import true_labels
from stages.train_lora import cache


def base_digest(folder: Path) -> str:
    """Return a hash of a base model's weights and configuration."""
    files = sorted([*folder.glob("*.safetensors"), folder / "config.json"])
    return hashlib.sha256("".join(map(cache.file_sha256, files)).encode()).hexdigest()


def rows_digest(split: Dataset) -> str:
    """Return a hash of the token ids, segments, windows and labels of a split, in order."""
    digest = hashlib.sha256()
    for rows in split.with_format("numpy").iter(1000):
        read = [*rows["input_ids"], *rows.get("token_type_ids", []), *rows.get("windows", [])]
        digest.update(np.concatenate([*read, rows["length"]]).astype(np.int64).tobytes())
    digest.update(true_labels(split).tobytes())
    return digest.hexdigest()

"""Read the rows that the model is judged on, and those that the baseline learns from."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scoring.clusters import Clusters, known_clusters
from stages.common.label_sets import as_matrix
from stages.common.params import DataParams
from stages.common.splits import SPLITS, is_multi_label, read_prepared, read_split
from stages.common.text_columns import text_columns


@dataclass(frozen=True)
class Rows:
    """The prepared splits, and the labels of their rows: int (rows,), or bool (rows, classes) where each may have
    several."""

    labels: list[str]
    splits: dict[str, pd.DataFrame]
    truths: dict[str, np.ndarray]

    @property
    def test(self) -> pd.DataFrame:
        return self.splits["test"]

    @property
    def truth(self) -> np.ndarray:
        return self.truths["test"]

    @property
    def peculiarity(self) -> str:
        """Return what rows have in place of one text with one label, or nothing."""
        if len(text_columns(self.test)) == 2:
            return "pairs"
        return "any number of labels a text" if self.truth.ndim == 2 else ""


def read_rows(prepared: Path, tokenized: Path) -> Rows:
    labels = json.loads((prepared / "labels.json").read_text(encoding="utf-8"))
    splits = {split: read_prepared(prepared, split) for split in SPLITS}
    several = is_multi_label(read_split(tokenized, "test"))
    truths = {
        split: as_matrix(rows["label"], labels) if several else rows["label"].map(labels.index).to_numpy()
        for split, rows in splits.items()
    }
    return Rows(labels, splits, truths)


def clusters_of_test(rows: Rows, params: DataParams) -> Clusters:
    """Return which test rows belong together, as far as the data and the way they were split tell."""
    block_rows = params.block_rows if params.split == "blocked" else None
    return known_clusters(rows.test["group"].tolist(), rows.test["origin"].tolist(), rows.truth, block_rows)

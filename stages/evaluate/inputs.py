"""Read the rows that the model is judged on, and those that the baseline learns from."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scoring.clusters import Clusters, known_clusters
from stages.common.params import DataParams
from stages.common.splits import SPLITS, read_prepared


@dataclass(frozen=True)
class Rows:
    """The prepared splits, and the class of each of their rows, int (rows,)."""

    labels: list[str]
    splits: dict[str, pd.DataFrame]
    numbers: dict[str, np.ndarray]

    @property
    def test(self) -> pd.DataFrame:
        return self.splits["test"]

    @property
    def truth(self) -> np.ndarray:
        return self.numbers["test"]


def read_rows(prepared: Path) -> Rows:
    labels = json.loads((prepared / "labels.json").read_text(encoding="utf-8"))
    splits = {split: read_prepared(prepared, split) for split in SPLITS}
    return Rows(labels, splits, {split: rows["label"].map(labels.index).to_numpy() for split, rows in splits.items()})


def clusters_of_test(rows: Rows, params: DataParams) -> Clusters:
    """Return which test rows belong together, as far as the data and the way they were split tell."""
    block_rows = params.block_rows if params.split == "blocked" else None
    return known_clusters(rows.test["group"].tolist(), rows.test["origin"].tolist(), rows.truth, block_rows)

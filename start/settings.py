"""Choose sizes of the splits, and change a params file."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from stages.common.errors import UserError
from stages.common.outputs import whole_output
from stages.common.params import DataParams, TrainParams
from stages.prepare_data.columns import GIVEN

TEST_FRACTION, VALIDATION_FRACTION = 0.2, 0.1
MOST_TEST, MOST_VALIDATION = 2000, 1000  # rows: beyond these, scores gain little and runs get longer
LEAST_STEPS, STEPS_A_CLASS, MOST_EPOCHS = 200, 20, 20


def settled_params(rows: pd.DataFrame, labels: list[str], params: DataParams) -> tuple[dict[str, Any], DataParams]:
    """Return the keys that say how to split, and the params with them: all rows of a given split are taken.

    Raises:
        UserError: when there are too few rows for three splits.
    """
    given = set(rows[GIVEN])
    share = {"test": (MOST_TEST, TEST_FRACTION), "validation": (MOST_VALIDATION, VALIDATION_FRACTION)}
    cut = {name: max(len(labels), min(most, round(len(rows) * part))) for name, (most, part) in share.items()}
    rows_of = {f"{name}_rows": None if name in given else count for name, count in cut.items()}
    sizes = {"split": "random", **rows_of, "train_rows": None}
    if len(rows) < 3 * len(labels):
        raise UserError(f"{len(rows):,} rows are left for {len(labels)} classes and three splits: gather more")
    return sizes, params.model_copy(update=sizes)


def enough_epochs(num_rows: int, num_labels: int, params: TrainParams) -> int:
    """Return how many epochs it takes to learn from so few rows: what params.yaml says is made for thousands."""
    steps = max(LEAST_STEPS, STEPS_A_CLASS * num_labels)
    return max(params.epochs, min(MOST_EPOCHS, math.ceil(steps * params.batch_size / num_rows)))


def write_params(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Change keys of sections of a params file; the rest and the comments stay."""
    yaml = YAML()
    yaml.width = 4096
    content = yaml.load(path)
    for section, changed in changes.items():
        content[section].update(changed)
    with whole_output(path) as partial, partial.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)

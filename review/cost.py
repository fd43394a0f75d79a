"""What the two models cost: parameters, size, speed and training time."""

import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from review.errors import CannotJudge, Unavailable
from review.exported import judge_rows, load_classifier
from review.revisions import Revision

if TYPE_CHECKING:
    import pandas as pd

TRAINING_LOG = "train-lora.json"
ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    """Each figure by name, of base and head; what a revision doesn't say is left out."""

    figures: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    speed_kept: float | None = None  # texts per second of the head over the base's, measured in turns here
    notes: list[str] = field(default_factory=list)


def find_cost(base: Revision, head: Revision, logs: tuple[Path | None, Path | None]) -> Cost:
    """Return what the metrics say, and the training time of the folders with logs where both have one."""
    figures: dict[str, tuple[float | None, float | None]] = {}
    for name, file, key in (
        ("parameters", "train.json", "total_parameters"),
        ("trained parameters", "train.json", "trainable_parameters"),
    ):
        figures[name] = (base.metrics(file).get(key), head.metrics(file).get(key))
    old, new = (revision.metrics("export.json").get("megabytes", {}) for revision in (base, head))
    figures |= {f"{form}, MB": (old.get(form), new.get(form)) for form in sorted({*old, *new})}
    before, after = (read_log(folder) if folder else None for folder in logs)
    if before and after:
        for name, key in (("training, seconds", "train_seconds"), ("training, texts/s", "rows_per_second")):
            figures[name] = (before.get(key), after.get(key))
    return Cost({name: pair for name, pair in figures.items() if pair != (None, None)})


def read_log(folder: Path) -> dict[str, float]:
    """Return what training said of its time.

    Raises:
        CannotJudge: when the folder has no such log.
    """
    try:
        return json.loads((folder / TRAINING_LOG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotJudge(
            f"{folder / TRAINING_LOG} can't be read: name the folder that training left its log in"
        ) from error


def measure_speed(cost: Cost, base: Revision, head: Revision, rows: "pd.DataFrame", folder: Path) -> Cost:
    """Add texts per second of both exported models on the same rows, taken in turns: medians over ROUNDS.

    Raises:
        Unavailable: when the exported model of one can't be had or run.
    """
    if rows.empty:
        raise Unavailable("there are no texts to measure speed on")
    models = [load_classifier(revision, folder) for revision in (base, head)]
    seconds: list[list[float]] = [[], []]
    for turn in range(ROUNDS + 1):
        for model, taken in zip(models, seconds, strict=True):
            started = time.perf_counter()
            judge_rows(model, rows)
            taken += [time.perf_counter() - started] if turn else []  # the first turn warms up
    rates = [len(rows) / statistics.median(taken) for taken in seconds]
    kept = statistics.median(old / new for old, new in zip(*seconds, strict=True))
    return Cost({**cost.figures, "prediction, texts/s": (rates[0], rates[1])}, kept, cost.notes)

"""Clones whose results are made up, by the code that writes real ones: a review needs no training."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from tiny import Clone, make_clone

from scoring.clusters import grouped_rows, single_rows
from scoring.slices import judge_slices, large_enough, values
from stages.common.outputs import write_json, write_table
from stages.common.params import EvaluateParams
from stages.evaluate.comparison import compare
from stages.evaluate.plots import write_plots
from stages.evaluate.predictions import write_predictions

LABELS = ["negative", "positive"]
OTHER = "other outputs, which no review reads"


@dataclass(frozen=True)
class Judged:
    """What a made-up model did on a made-up test split."""

    rows: pd.DataFrame  # of the test split: text, label, origin, row_id, group
    probabilities: np.ndarray  # (n, classes)
    labels: tuple[str, ...] = tuple(LABELS)
    failure_rate: float = 0.1  # of the behaviour test `names`

    @property
    def truth(self) -> np.ndarray:
        return self.rows["label"].map(list(self.labels).index).to_numpy()


def made_rows(count: int, start: int = 0, labels: tuple[str, ...] = tuple(LABELS)) -> pd.DataFrame:
    numbers = range(start, start + count)
    return pd.DataFrame(
        {
            "text": [f"film {number} {'good ' * (number % 5)}" for number in numbers],
            "label": [labels[number % len(labels)] for number in numbers],
            "origin": [f"tiny.csv:{number + 1}" for number in numbers],
            "row_id": [f"{number:016x}" for number in numbers],
            "group": [f"film {number // 4}" for number in numbers],
        }
    )


def made_model(rows: pd.DataFrame, accuracy: float, seed: int, labels: tuple[str, ...] = tuple(LABELS)) -> Judged:
    """Return a model that is right in about `accuracy` of the rows, more sure where it is right."""
    random = np.random.default_rng(seed)
    truth = rows["label"].map(list(labels).index).to_numpy()
    right = random.random(len(rows)) < accuracy
    margin = random.beta(5, 2, len(rows)) * np.where(right, 2.5, 1.5)
    logits = random.normal(0, 0.1, (len(rows), len(labels)))
    chosen = np.where(right, truth, (truth + 1) % len(labels))
    logits[np.arange(len(rows)), chosen] += margin
    powers = np.exp(logits)
    return Judged(rows, powers / powers.sum(axis=1, keepdims=True), labels)


def flipped(model: Judged, to_wrong: int, to_right: int = 0, seed: int = 0) -> Judged:
    """Return the model with so many of its right decisions turned wrong, and the reverse."""
    random = np.random.default_rng(seed)
    right = model.probabilities.argmax(axis=1) == model.truth
    turned = [
        *random.choice(np.flatnonzero(right), to_wrong, replace=False),
        *random.choice(np.flatnonzero(~right), to_right, replace=False),
    ]
    probabilities = model.probabilities.copy()
    probabilities[turned] = probabilities[turned][:, ::-1]
    return replace(model, probabilities=probabilities)


def write_results(folder: Path, model: Judged, train: pd.DataFrame | None = None, rate: float = 0.0008) -> None:
    """Leave every output that dvc.yaml declares; those that no review reads hold a word."""
    stages = YAML(typ="safe").load(folder / "dvc.yaml")["stages"]
    for stage in stages.values():
        for path in stage["outs"]:
            (folder / path).mkdir(parents=True, exist_ok=True)
            (folder / path / "content").write_text(OTHER)
    train = made_rows(200, 100_000, model.labels) if train is None else train
    for name, rows in (("train", train), ("validation", made_rows(40, 200_000, model.labels)), ("test", model.rows)):
        rows.to_parquet(folder / f"data/prepared/{name}.parquet", index=False)
    evaluation = folder / "data/evaluation"
    clusters = grouped_rows(model.rows["group"].tolist(), model.truth)
    write_predictions(evaluation / "predictions.csv", model.rows, list(model.labels), model.probabilities, clusters)
    failure: dict[str, Any] = {
        "test": "names",
        "kind": "invariance",
        "expected": "positive",
        "text": "<b>Anna</b> is good",
    }
    failure |= {"predicted": "positive", "p_expected": 0.9, "changed_text": "Ines is good"}
    failure |= {"changed_predicted": "negative", "changed_p_expected": model.failure_rate}
    write_table(evaluation / "behaviour_failures.csv", pd.DataFrame([failure]))
    write_metrics(folder / "metrics", model, rate)


def write_metrics(folder: Path, model: Judged, rate: float) -> None:
    truth, probabilities = model.truth, model.probabilities
    clusters, params = single_rows(truth), resampling()
    scores = compare(truth, probabilities, probabilities, probabilities[::-1], clusters, params)
    rates = {"names": model.failure_rate, "typos": 0.0}
    scores |= {"behaviour": {"cases": 20, "failure_rate": model.failure_rate / 2, "failure_rates": rates}}
    members, right = large_enough(values("label", model.rows["label"])), probabilities.argmax(axis=1) == truth
    slices = judge_slices(members, right, clusters, params.resamples, params.seed)
    plots = {path: folder / "plots" / path for path in ("roc.csv", "precision_recall.csv", "confusion.csv")}
    plots |= {path: folder / "plots" / path for path in ("reliability.csv", "reliability_uncalibrated.csv")}
    write_plots(plots, truth, probabilities, probabilities, list(model.labels))
    write_table(folder / "plots/slices.csv", slices)
    steps = np.arange(1, 5)
    training = pd.DataFrame({"step": steps, "epoch": steps / 4, "loss": 1 / steps, "learning_rate": rate})
    write_table(folder / "plots/training.csv", training)
    validation = pd.DataFrame({"step": [4], "epoch": [1], "loss": [0.3], "accuracy": [0.8], "f1_macro": [0.8]})
    write_table(folder / "plots/validation.csv", validation)
    write_json(folder / "evaluate.json", scores)
    counts = {"all": len(model.rows), "classes": model.rows["label"].value_counts().to_dict()}
    write_json(folder / "data.json", {"rows": {"test": counts}, "rows_read": 500})
    write_json(folder / "tokenize.json", {"test": {"truncated_fraction": 0.1}})
    write_json(folder / "train.json", {"total_parameters": 23000, "trainable_parameters": 480, "validation_loss": 0.3})
    write_json(folder / "export.json", {"megabytes": {"int8": 22.9, "fp32": 90.8}})


def resampling() -> EvaluateParams:
    return EvaluateParams(batch_size=16, resamples=200, slices=[], seed=0)


def commit_results(clone: Clone, message: str, *stages: str) -> None:
    """Let DVC take what the folder holds as the results of the params and the code, and commit them."""
    clone.run("dvc", "commit", "--force", "--quiet", *stages)
    clone.commit(message)


def judged_clone(folder: Path, model: Judged, **results: Any) -> Clone:
    """Make a clone in which `model` is committed as the results of main."""
    clone = make_clone(folder, Path("base"))
    (folder / "README.md").write_text("# A classifier\n")
    write_results(folder, model, **results)
    commit_results(clone, "Run the pipeline")
    return clone

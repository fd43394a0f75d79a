"""Measure what programs on the same processor cost one another: two trainings, and predict beside a training.

alone      one training
spinning   one training whose threads wait as OpenMP has it by default
two        two trainings at once, each timed while both run
predict    the exported int8 model, alone and beside a training

Run: python -m bench.company [--steps N] [--rounds N], after `dvc repro`
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed

from stages.common.model import load_base
from stages.common.params import load_params
from stages.common.references import resolve_model
from stages.common.splits import label_names, read_split
from stages.train_lora.adapters import add_adapters
from stages.train_lora.digests import base_digest
from stages.train_lora.fit import fit

WARM_UP_STEPS = 5
LIBRARY_DEFAULT = "300000"  # of GOMP_SPINCOUNT, where neither it nor OMP_WAIT_POLICY is set
VALIDATION_ROWS = 32
PREDICT_SECONDS = 10.0
NEEDED = (Path("data/tokenized/train.arrow"), Path("data/prepared/test.parquet"), Path("models/export/manifest.json"))


def main() -> None:
    """Print seconds a step and rows per second, and what company makes of them; medians of the rounds' ratios."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--steps", type=int, default=100, help="optimizer steps of a training (default: 100)")
    arguments.add_argument("--rounds", type=int, default=3, help="times each is measured (default: 3)")
    arguments.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--predict", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    for path in NEEDED:
        if not path.exists():
            sys.exit(f"error: bench.company needs {path}: run `dvc repro` in the repository's root first")
    if chosen.train:
        train(chosen.steps)
    elif chosen.predict:
        print(json.dumps(rows_per_second(PREDICT_SECONDS)))
    else:
        seconds_a_step(chosen.steps)  # what runs first finds files and processor cold
        report([measure_round(chosen.steps, number) for number in range(chosen.rounds)])


def measure_round(steps: int, number: int) -> dict[str, float]:
    """Return seconds a step of each training, and predict's rows per second; company is there all the while.

    Every second round measures alone after spinning.
    """
    settings: dict[str, dict[str, str]] = {"alone": {}, "spinning": {"GOMP_SPINCOUNT": LIBRARY_DEFAULT}}
    order = ("alone", "spinning") if number % 2 == 0 else ("spinning", "alone")
    found = {name: seconds_a_step(steps, **settings[name]) for name in order}
    with running_training():
        found["two"] = seconds_a_step(steps)
    found["predict alone"] = float(run_apart("--predict"))
    with running_training():
        found["predict beside"] = float(run_apart("--predict"))
    return found


def seconds_a_step(steps: int, **settings: str) -> float:
    return float(run_apart("--train", "--steps", str(steps), **settings))


def run_apart(*options: str, **settings: str) -> Any:
    """Run a part of this program in a process of its own, and return what it prints last."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(command(*options), check=True, env=environment(cache, **settings), stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def running_training() -> Iterator[None]:
    """Keep a training running in the background, from its first steps on."""
    with tempfile.TemporaryDirectory() as cache:
        options = ("--train", "--steps", "1000000")
        with subprocess.Popen(command(*options), env=environment(cache), stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            try:
                yield
            finally:
                process.terminate()


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "bench.company", *options]


def environment(cache: str, **settings: str) -> dict[str, str]:
    """Return the environment of a part; `stages` sets how its threads wait, unless `settings` does."""
    kept = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    return {**kept, "XDG_CACHE_HOME": cache, **settings}


class StepClock(TrainerCallback):
    """Says when the first steps are done, and stops training after `steps` more."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) == WARM_UP_STEPS:
            print("running", flush=True)
        if len(self.ends) == WARM_UP_STEPS + self.steps:
            differences = np.diff(self.ends[WARM_UP_STEPS - 1 :])
            print(json.dumps(float(np.mean(differences))), flush=True)
            os._exit(0)


def train(steps: int) -> None:
    """Train by the recipe of params.yaml, print the mean seconds of `steps` steps after the first ones, and end."""
    params = load_params()
    rows, validation = (read_split(Path("data/tokenized"), split) for split in ("train", "validation"))
    validation = validation.select(range(min(VALIDATION_ROWS, len(validation))))
    base_folder = resolve_model(params.model.base, "model.base")
    set_seed(params.train.seed)
    model, head = load_base(base_folder, label_names(rows))
    model, lowest = add_adapters(model, params.lora, head)
    settings = {"epochs": max(1, steps), "logging_steps": 10**9, "evaluations_per_epoch": 1}
    with tempfile.TemporaryDirectory() as folder:
        digest = base_digest(base_folder)
        ours = params.train.model_copy(update=settings)
        fit(model, lowest, rows, validation, ours, digest, Path(folder), callbacks=[StepClock(steps)])


def rows_per_second(seconds: float) -> float:
    """Return the rate at which predict's int8 model classifies test rows, measured for `seconds`."""
    from bench.predict import EXPORTED, TEST, read_reviews, start_predict

    answer = start_predict(EXPORTED, "int8")
    texts, _ = read_reviews(TEST, 64)
    answer(texts)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        done += len(answer(texts))
    return done / (time.perf_counter() - started)


def report(rounds: list[dict[str, float]]) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{len(rounds)} rounds, medians; {torch.get_num_threads()} threads; load before the end {load:.1f}")
    for name in ("alone", "spinning", "two", "predict alone", "predict beside"):
        unit = "rows/s" if "predict" in name else "s a step"
        print(f"{name:16}{statistics.median(found[name] for found in rounds):9.3f} {unit}")
    for name, of in (("alone", "spinning"), ("two", "alone"), ("predict beside", "predict alone")):
        ratio = statistics.median(found[name] / found[of] for found in rounds)
        print(f"{name} is {ratio:.2f} of {of}")


if __name__ == "__main__":
    main()

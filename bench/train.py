"""Measure training, each variant in a process of its own, in turn.

plain   Trainer and PEFT as they come: padded to max_length, float32, the base's dropout, adapters in all blocks
all     this pipeline, adapters in all blocks
whole   this pipeline, adapters in the top blocks, its prefix cache off: every block runs for every batch
first   the same, the prefix computed on the way
next    the same again: the prefix is there

Each round has a seed of its own. Evaluations are the same for all five, and their time is not counted.

Run: python -m bench.train [--rows N] [--rounds N], after `dvc repro tokenize`
     python -m bench.train --growth    for time and memory of this pipeline as rows and lengths grow
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from bench.train_table import report
from predict.tokens import Window
from stages.common.inference import pad_batch
from stages.common.memory import peak_memory_gib
from stages.common.model import load_base
from stages.common.params import Params, load_params
from stages.common.references import resolve_model
from stages.common.splits import label_names, read_split
from stages.train_lora.adapters import add_adapters
from stages.train_lora.bfloat16 import use_bfloat16
from stages.train_lora.digests import base_digest
from stages.train_lora.evaluations import ValidationMetrics
from stages.train_lora.fit import fit

VARIANTS = ("plain", "all", "whole", "first", "next")
TOP_LAYERS = 3  # that have adapters in the last three variants
GROWTH = ((1000, 64), (2000, 64), (20000, 64), (1000, 128), (1000, 256))  # rows, most tokens of each; one epoch
COUNTED_ROWS = 64  # on which the operations of a variant are counted, by a run that is not timed
VALIDATION_ROWS, COUNTED_VALIDATION_ROWS = 400, 8  # evenly chosen
EVALUATIONS = 2  # in each epoch


def main() -> None:
    """Print a table of the variants: medians over the rounds, the ratio to `plain` of each round first."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=512, help="texts trained on (default: 512)")
    arguments.add_argument("--rounds", type=int, default=3, help="times each variant runs (default: 3)")
    arguments.add_argument("--epochs", type=int, default=3, help="passes over them (default: 3)")
    arguments.add_argument("--reach", type=float, default=0.8, help="validation accuracy to wait for (default: 0.8)")
    arguments.add_argument("--growth", action="store_true", help="measure this pipeline alone on more and longer texts")
    arguments.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments.add_argument("--tokens", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.variant:
        print(json.dumps(measure(chosen)))
    elif chosen.growth:
        measure_growth()
    else:
        compare(chosen.rows, chosen.rounds, chosen.epochs, chosen.reach)


def compare(rows: int, rounds: int, epochs: int, reach: float) -> None:
    runs: dict[str, list[dict]] = {variant: [] for variant in VARIANTS}
    for seed in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for variant in VARIANTS:
                options = ("--rows", rows, "--epochs", epochs, "--seed", seed)
                runs[variant].append(run_apart(variant, cache, *options))
    operations = {}
    with tempfile.TemporaryDirectory() as cache:
        for variant in VARIANTS:
            counted = run_apart(variant, cache, "--rows", COUNTED_ROWS, "--epochs", epochs, "--count")
            operations[variant] = counted["operations"] / COUNTED_ROWS * rows
    ours = torch.bfloat16 if use_bfloat16(load_params().train.dtype) else torch.float32
    report(runs, operations, {variant: torch.float32 if variant == "plain" else ours for variant in VARIANTS}, reach)


def measure_growth() -> None:
    print(f"{'texts':>7}{'tokens':>8}{'texts/s':>9}{'GiB':>6}   one epoch, the prefix computed on the way")
    for rows, tokens in GROWTH:
        with tempfile.TemporaryDirectory() as cache:
            found = run_apart("first", cache, "--rows", rows, "--tokens", tokens, "--epochs", 1)
        print(f"{rows:7}{tokens:8}{found['rows_per_second']:9.1f}{found['memory']:6.2f}", flush=True)


def run_apart(variant: str, cache: str, *options: str | int) -> dict:
    command = [sys.executable, "-m", "bench.train", "--variant", variant, *map(str, options)]
    command += ["--started", str(time.time())]
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    done = subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


class Clock(TrainerCallback):
    """Counts the seconds and, if asked, the operations of matrix products and attention, evaluations left out.

    Notes when the first step begins, and how accurate the model was after how many seconds.
    """

    def __init__(self, count: bool) -> None:
        self.started = time.perf_counter()
        self.left_out = 0.0
        self.counter = FlopCounterMode(display=False)
        self.uncounted = 0
        self.first_step = 0.0
        self.evaluations: list[tuple[float, float]] = []
        if count:
            self.counter.__enter__()

    def seconds(self) -> float:
        return time.perf_counter() - self.started - self.left_out

    def operations(self) -> int:
        return self.counter.get_total_flops() - self.uncounted

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.first_step = self.first_step or time.time()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if control.should_evaluate:
            self.before = self.seconds(), self.operations()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: object,
    ) -> None:
        seconds, operations = self.before
        self.left_out += self.seconds() - seconds
        self.uncounted += self.operations() - operations
        self.evaluations.append((seconds, metrics["eval_accuracy"]))

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.total = self.seconds(), self.operations()


def measure(chosen: argparse.Namespace) -> dict:
    """Train once; return what it took, from the tokenized split to the trained adapter.

    Returns:
        `seconds`, `rows_per_second`, peak `memory` in GiB, seconds from the start of the process to the `first_step`,
        `evaluations` as pairs of seconds and validation accuracy, and, where they are counted, the `operations` of all
        matrix products and attentions.
    """
    params = load_params()
    train, validation = (read_split(Path("data/tokenized"), split) for split in ("train", "validation"))
    train = train.select(np.resize(np.random.default_rng(0).permutation(len(train)), chosen.rows))
    judged = COUNTED_VALIDATION_ROWS if chosen.count else VALIDATION_ROWS
    validation = validation.select(np.linspace(0, len(validation) - 1, judged).astype(int))
    if chosen.tokens:
        train, validation = (
            split.map(cut, fn_kwargs={"tokens": chosen.tokens}, keep_in_memory=True) for split in (train, validation)
        )
    base_folder = resolve_model(params.model.base, "model.base")
    set_seed(chosen.seed)
    clock = Clock(chosen.count)
    validation_prefix_s = 0.0
    if chosen.variant == "plain":
        train_plain(base_folder, train, validation, params, chosen, clock)
    else:
        validation_prefix_s = train_ours(base_folder, train, validation, params, chosen, clock)
    seconds, operations = clock.total
    seconds -= validation_prefix_s
    return {
        "seconds": seconds,
        "rows_per_second": chosen.epochs * chosen.rows / seconds,
        "memory": peak_memory_gib(),
        "first_step": clock.first_step - chosen.started,
        "evaluations": clock.evaluations,
        "operations": operations,
    }


def train_ours(
    base_folder: Path, train: Dataset, validation: Dataset, params: Params, chosen: argparse.Namespace, clock: Clock
) -> float:
    """Train by this pipeline; return the seconds that storing the validation split's prefix took."""
    changes = {
        "epochs": chosen.epochs,
        "seed": chosen.seed,
        "evaluations_per_epoch": EVALUATIONS,
        "early_stopping_patience": None,
        "prefix_cache_gb": 0 if chosen.variant == "whole" else params.train.prefix_cache_gb,
    }
    model, head = load_base(base_folder, label_names(train))
    lora = params.lora.model_copy(update={"layers": "all" if chosen.variant == "all" else TOP_LAYERS})
    model, lowest = add_adapters(model, lora, head)
    digest = base_digest(base_folder)
    with tempfile.TemporaryDirectory() as folder:
        ours = params.train.model_copy(update=changes)
        fitted = fit(model, lowest, train, validation, ours, digest, Path(folder), callbacks=[clock])
        return fitted.prefix_seconds[1]


def cut(row: dict, tokens: int) -> dict:
    return {"input_ids": row["input_ids"][:tokens], "length": min(row["length"], tokens)}


def train_plain(
    base_folder: Path, train: Dataset, validation: Dataset, params: Params, chosen: argparse.Namespace, clock: Clock
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(base_folder, num_labels=len(label_names(train)))
    lora = LoraConfig(task_type="SEQ_CLS", r=params.lora.r, lora_alpha=params.lora.alpha, lora_dropout=0.1)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=chosen.epochs,
            seed=chosen.seed,
            eval_strategy="steps",
            eval_steps=max(1, len(train) // params.train.batch_size // EVALUATIONS),
            learning_rate=params.train.learning_rate,
            per_device_train_batch_size=params.train.batch_size,
            remove_unused_columns=False,
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
        )
        width, pad = params.tokenize.max_length, model.config.pad_token_id

        def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
            batch = pad_batch([Window(row["input_ids"]) for row in rows], pad)
            short = width - batch["input_ids"].shape[1]
            batch["input_ids"] = torch.nn.functional.pad(batch["input_ids"], (0, short), value=pad)
            batch["attention_mask"] = torch.nn.functional.pad(batch["attention_mask"], (0, short))
            return {**batch, "labels": torch.tensor([row["label"] for row in rows])}

        trainer = Trainer(
            model=get_peft_model(model, lora),
            args=arguments,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=collate,
            compute_metrics=ValidationMetrics(np.ones(len(label_names(train)))),
            callbacks=[clock],
        )
        trainer.train()


if __name__ == "__main__":
    if not Path("data/tokenized/train.arrow").exists():
        sys.exit("error: bench.train needs data/tokenized: run `dvc repro tokenize` in the repository's root first")
    main()

"""Measure training, each variant in a process of its own, in turn.

plain   Trainer and PEFT as they come: padded to max_length, float32, the base's dropout, adapters in all blocks
whole   this pipeline with its prefix cache off: every block runs for every batch
first   this pipeline, the prefix computed on the way
next    this pipeline again: the prefix is there

Run: python -m bench.train [--rows N] [--rounds N], after `dvc repro tokenize`
     python -m bench.train --growth    for time and memory of this pipeline as rows and lengths grow
"""

import argparse
import json
import os
import resource
import statistics
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
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments, set_seed

from stages import train_lora
from stages.common import prefix
from stages.common.model import load_base, pad_batch
from stages.common.params import Params, load_params
from stages.common.references import resolve_model
from stages.common.tokens import label_names, read_split

VARIANTS = ("plain", "whole", "first", "next")
GROWTH = ((1000, 64), (5000, 64), (20000, 64), (1000, 128), (1000, 256))  # rows, most tokens of each; one epoch
COUNTED_ROWS = 256  # on which the operations of a variant are counted, by a run that is not timed


def main() -> None:
    """Print reviews per second, peak memory and the ratios to `plain`, each the median over the rounds."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=512, help="texts trained on (default: 512)")
    arguments.add_argument("--rounds", type=int, default=3, help="times each variant runs (default: 3)")
    arguments.add_argument("--epochs", type=int, default=3, help="passes over them (default: 3)")
    arguments.add_argument("--growth", action="store_true", help="measure this pipeline alone on more and longer texts")
    arguments.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments.add_argument("--tokens", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.variant:
        print(json.dumps(measure(chosen)))
    elif chosen.growth:
        measure_growth()
    else:
        compare(chosen.rows, chosen.rounds, chosen.epochs)


def compare(rows: int, rounds: int, epochs: int) -> None:
    runs: dict[str, list[dict]] = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for variant in VARIANTS:
                runs[variant].append(run_apart(variant, cache, "--rows", rows, "--epochs", epochs))
    operations = {}
    with tempfile.TemporaryDirectory() as cache:
        for variant in VARIANTS:
            counted = run_apart(variant, cache, "--rows", COUNTED_ROWS, "--epochs", epochs, "--count")
            operations[variant] = counted["operations"] / COUNTED_ROWS * rows
    report(runs, operations, matrix_rate())


def measure_growth() -> None:
    print(f"{'texts':>7}{'tokens':>8}{'texts/s':>9}{'GiB':>6}   one epoch, the prefix computed on the way")
    for rows, tokens in GROWTH:
        with tempfile.TemporaryDirectory() as cache:
            found = run_apart("first", cache, "--rows", rows, "--tokens", tokens, "--epochs", 1)
        print(f"{rows:7}{tokens:8}{found['rows_per_second']:9.1f}{found['memory']:6.2f}", flush=True)


def run_apart(variant: str, cache: str, *options: str | int) -> dict:
    command = [sys.executable, "-m", "bench.train", "--variant", variant, *map(str, options)]
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    done = subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def measure(chosen: argparse.Namespace) -> dict:
    """Train once; return seconds, from the tokenized split to the trained adapter, peak memory in GiB, and, where they
    are counted, the operations of all matrix products and attentions."""
    params = load_params()
    train = read_split(Path("data/tokenized"), "train")
    train = train.select(np.resize(np.arange(len(train)), chosen.rows))  # again from the start where there are too few
    validation = read_split(Path("data/tokenized"), "validation").select(range(64))
    if chosen.tokens:
        train, validation = (
            split.map(cut, fn_kwargs={"tokens": chosen.tokens}, keep_in_memory=True) for split in (train, validation)
        )
    base_folder = resolve_model(params.model.base, "model.base")
    set_seed(params.train.seed)
    counter = FlopCounterMode(display=False)
    started = time.perf_counter()
    if chosen.count:
        counter.__enter__()
    if chosen.variant == "plain":
        train_plain(base_folder, train, params, chosen.epochs)
    else:
        gigabytes = 0 if chosen.variant == "whole" else params.train.prefix_cache_gb
        ours = params.train.model_copy(update={"epochs": chosen.epochs, "prefix_cache_gb": gigabytes})
        model, head = load_base(base_folder, label_names(train))
        model, lowest = train_lora.add_adapters(model, params.lora, head)
        digest = prefix.base_digest(base_folder)
        with tempfile.TemporaryDirectory() as checkpoints:
            train_lora.fit(model, lowest, train, validation, ours, digest, Path(checkpoints))
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rate = chosen.epochs * chosen.rows / seconds
    operations = counter.get_total_flops() if chosen.count else 0
    return {"seconds": seconds, "rows_per_second": rate, "memory": memory, "operations": operations}


def cut(row: dict, tokens: int) -> dict:
    return {"input_ids": row["input_ids"][:tokens], "length": min(row["length"], tokens)}


def train_plain(base_folder: Path, train: Dataset, params: Params, epochs: int) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(base_folder, num_labels=len(label_names(train)))
    lora = LoraConfig(task_type="SEQ_CLS", r=params.lora.r, lora_alpha=params.lora.alpha, lora_dropout=0.1)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
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
            batch = pad_batch({"input_ids": [row["input_ids"] for row in rows]}, pad)
            short = width - batch["input_ids"].shape[1]
            batch["input_ids"] = torch.nn.functional.pad(batch["input_ids"], (0, short), value=pad)
            batch["attention_mask"] = torch.nn.functional.pad(batch["attention_mask"], (0, short))
            return {**batch, "labels": torch.tensor([row["label"] for row in rows])}

        Trainer(model=get_peft_model(model, lora), args=arguments, train_dataset=train, data_collator=collate).train()


def matrix_rate(size: int = 2048, repeats: int = 10) -> float:
    """Return the rate at which this machine multiplies float32 matrices, in GFLOPS."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    left @ right
    started = time.perf_counter()
    for _ in range(repeats):
        left @ right
    return 2 * size**3 * repeats / (time.perf_counter() - started) / 1e9


def report(runs: dict[str, list[dict]], operations: dict[str, float], rate: float) -> None:
    rounds = len(runs["plain"])
    print(f"float32 matrices: {rate:.0f} GFLOPS on {torch.get_num_threads()} threads; {rounds} rounds, medians")
    print(f"{'':8}{'texts/s':>9}{'of plain':>10}{'seconds':>9}{'GiB':>6}{'of the matrix rate':>20}")
    for variant, results in runs.items():
        ratios = [plain["seconds"] / result["seconds"] for plain, result in zip(runs["plain"], results, strict=True)]
        median = {name: statistics.median(result[name] for result in results) for name in results[0]}
        reached = operations[variant] / median["seconds"] / 1e9 / rate
        print(
            f"{variant:8}{median['rows_per_second']:9.1f}{statistics.median(ratios):9.1f}x"
            f"{median['seconds']:9.0f}{median['memory']:6.2f}{reached:20.0%}"
        )


if __name__ == "__main__":
    if not Path("data/tokenized/train.arrow").exists():
        sys.exit("error: bench.train needs data/tokenized: run `dvc repro tokenize` in the repository's root first")
    main()

"""Measure training, each variant in a process of its own, in turn.

plain   Trainer and PEFT as they come: padded to max_length, float32, the base's dropout, adapters in all blocks
whole   this pipeline with its prefix cache off: every block runs for every batch
first   this pipeline, the prefix computed on the way
next    this pipeline again: the prefix is there

Run: python -m bench.train [--rows N] [--rounds N], after `dvc repro tokenize`
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

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments, set_seed

from stages import train_lora
from stages.common import prefix
from stages.common.model import load_base, pad_batch
from stages.common.params import Params, load_params
from stages.common.references import resolve_model
from stages.common.tokens import label_names, read_split

VARIANTS = ("plain", "whole", "first", "next")
EPOCHS = 3


def main() -> None:
    """Print reviews per second, peak memory and the ratios to `plain`, each the median over the rounds."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=512, help="texts trained on (default: 512)")
    arguments.add_argument("--rounds", type=int, default=3, help="times each variant runs (default: 3)")
    arguments.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.variant:
        print(json.dumps(measure(chosen.variant, chosen.rows)))
        return
    runs: dict[str, list[dict]] = {variant: [] for variant in VARIANTS}
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for variant in VARIANTS:
                runs[variant].append(run_apart(variant, chosen.rows, cache))
    report(runs, matrix_rate())


def run_apart(variant: str, rows: int, cache: str) -> dict:
    command = [sys.executable, "-m", "bench.train", "--variant", variant, "--rows", str(rows)]
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    done = subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def measure(variant: str, rows: int) -> dict:
    """Train once and return seconds, from the tokenized split to the trained adapter, and peak memory in GiB."""
    params = load_params()
    train = read_split(Path("data/tokenized"), "train").select(range(rows))
    validation = read_split(Path("data/tokenized"), "validation").select(range(64))
    base_folder = resolve_model(params.model.base, "model.base")
    set_seed(params.train.seed)
    started = time.perf_counter()
    if variant == "plain":
        train_plain(base_folder, train, params)
    else:
        gigabytes = 0 if variant == "whole" else params.train.prefix_cache_gb
        ours = params.train.model_copy(update={"epochs": EPOCHS, "prefix_cache_gb": gigabytes})
        model, head = load_base(base_folder, label_names(train))
        model, lowest = train_lora.add_adapters(model, params.lora, head)
        digest = prefix.base_digest(base_folder)
        with tempfile.TemporaryDirectory() as checkpoints:
            train_lora.fit(model, lowest, train, validation, ours, digest, Path(checkpoints))
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "rows_per_second": EPOCHS * rows / seconds, "memory": memory}


def train_plain(base_folder: Path, train: Dataset, params: Params) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(base_folder, num_labels=len(label_names(train)))
    lora = LoraConfig(task_type="SEQ_CLS", r=params.lora.r, lora_alpha=params.lora.alpha, lora_dropout=0.1)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
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


def report(runs: dict[str, list[dict]], rate: float) -> None:
    rounds = len(runs["plain"])
    print(f"float32 matrices: {rate:.0f} GFLOPS on {torch.get_num_threads()} threads; {rounds} rounds, medians")
    print(f"{'':8}{'texts/s':>9}{'of plain':>10}{'seconds':>9}{'GiB':>6}")
    for variant, results in runs.items():
        ratios = [plain["seconds"] / result["seconds"] for plain, result in zip(runs["plain"], results, strict=True)]
        median = {name: statistics.median(result[name] for result in results) for name in results[0]}
        print(
            f"{variant:8}{median['rows_per_second']:9.1f}{statistics.median(ratios):9.1f}x"
            f"{median['seconds']:9.0f}{median['memory']:6.2f}"
        )


if __name__ == "__main__":
    if not Path("data/tokenized/train.arrow").exists():
        sys.exit("error: bench.train needs data/tokenized: run `dvc repro tokenize` in the repository's root first")
    main()

"""Train a tiny model through the pipeline, and through transformers and PEFT by themselves."""

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import tiny
from datasets import Dataset
from peft import PeftModel, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)

from stages.common.inference import predict_logits
from stages.common.model import load_base, run_without_padding
from stages.common.params import load_params
from stages.common.splits import token_columns, token_features
from stages.common.tokenizer import TextEncoder, load_tokenizer
from stages.train_lora.adapters import add_adapters
from stages.train_lora.bfloat16 import proven_dtype
from stages.train_lora.digests import base_digest
from stages.train_lora.fit import Fitted, fit

LABELS = ["bad", "good"]
MODES: dict[str, tuple[str, str | int]] = {  # of training: target modules, layers
    "auto": ("auto", "all"),
    "top block": ("auto", 1),
    "all-linear": ("all-linear", "all"),
}
EPOCHS, BATCH_SIZE, RATE = 4, 16, 0.01
ROWS = (320, 60, 300)  # to train, validate and test on


@dataclass(frozen=True, eq=False)
class Task:
    """What a base model has to learn."""

    base: Path
    train: Dataset
    validation: Dataset
    test: Dataset


def make_task(base: Path) -> Task:
    return Task(base, *(tokenized(base, count, seed) for seed, count in enumerate(ROWS)))


def tokenized(base: Path, count: int, seed: int) -> Dataset:
    """Return rows that a model can be trained on: good words stand in the texts of one label, bad ones in others."""
    texts, labels = zip(*tiny.labelled_texts(count, seed), strict=True)
    windows, counts = TextEncoder(base, load_params(tiny.PARAMS).tokenize).encode(list(texts))
    rows = {**token_columns(windows), **counts, "label": labels}
    rows = {name: rows[name] for name in token_features(LABELS)}
    return Dataset.from_dict(rows, features=token_features(LABELS))


def adapted(mode: str, task: Task, seed: int) -> tuple[PeftModel, int]:
    """Return the base with the adapters of a mode, and the number of the lowest block that has one."""
    targets, layers = MODES[mode]
    set_seed(seed)
    base, head = load_base(task.base, LABELS)
    lora = load_params(tiny.PARAMS).lora.model_copy(update={"target_modules": targets, "layers": layers})
    return add_adapters(base, lora, head)


def trained(mode: str, dtype: str, task: Task, folder: Path, seed: int) -> tuple[PeftModel, Fitted, str]:
    """Return a model that the pipeline trained, what that left, and the number format that it was able to use."""
    model, lowest = adapted(mode, task, seed)
    recipe = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": RATE, "early_stopping_patience": None}
    params = load_params(tiny.PARAMS)
    training = params.train.model_copy(update={**recipe, "logging_steps": 100, "dtype": dtype, "seed": seed})
    able = proven_dtype(model, training).dtype
    folder.mkdir(parents=True)
    fitted = fit(model, lowest, task.train, task.validation, training, base_digest(task.base), folder / "checkpoints")
    return model.eval(), fitted, able


@cache
def plain_accuracy(mode: str, task: Task, seed: int) -> float:
    """Return the accuracy that transformers and PEFT reach by themselves, with the same adapters and PEFT's own head.

    Where logits depend on padding, they are without it here, too: XLNet, for one, would learn from what it makes of
    padding, and give a text other logits in another batch.
    """
    adapters = replace(adapted(mode, task, seed)[0].peft_config["default"], modules_to_save=None)
    set_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(task.base, num_labels=len(LABELS))
    run_without_padding(model)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=RATE,
            warmup_steps=load_params(tiny.PARAMS).train.warmup_fraction,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
        )
        Trainer(
            model=get_peft_model(model, adapters),
            args=arguments,
            data_collator=DataCollatorWithPadding(load_tokenizer(task.base)),
            train_dataset=task.train.select_columns(["input_ids", "label"]),
        ).train()
    return accuracy(model.eval(), task.test)


def accuracy(model: PreTrainedModel, rows: Dataset) -> float:
    return float((predict_logits(model, rows, 50).argmax(1) == np.asarray(rows["label"])).mean())

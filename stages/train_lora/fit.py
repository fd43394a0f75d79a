"""Train the adapters and the head."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import Trainer, TrainerCallback, TrainerState

from stages.common.attention import use_products
from stages.common.blocks import find_blocks
from stages.common.class_weights import class_weights, row_weights
from stages.common.first_position import skip_unread_positions
from stages.common.inference import longest_first
from stages.common.memory import peak_memory_gib
from stages.common.outputs import write_json
from stages.common.params import TrainParams
from stages.common.splits import is_multi_label, label_names, true_labels, window_sizes
from stages.train_lora import prefix
from stages.train_lora.batches import Collator, LengthBatches
from stages.train_lora.bfloat16 import bfloat16_base, proven_dtype, use_bfloat16
from stages.train_lora.checkpoints import last_checkpoint, say
from stages.train_lora.evaluations import ValidationMetrics, best_evaluation
from stages.train_lora.fused import fuse_adapters
from stages.train_lora.trainer import make_trainer


@dataclass(frozen=True)
class Fitted:
    """What training leaves besides the trained model."""

    state: TrainerState  # with the history of losses
    best: dict[str, float]  # the evaluation whose adapter is kept, under the Trainer's names
    logits: np.ndarray  # of the validation split in its order, float32 (n, classes), in the number format of training
    prefix_seconds: list[float]  # that storing the prefix took, of the train and of the validation split
    train_seconds: float


def fit(
    model: PeftModel,
    lowest: int,
    train: Dataset,
    validation: Dataset,
    params: TrainParams,
    digest: str,
    checkpoints: Path,
    pooling: str = "",
    callbacks: Sequence[TrainerCallback] = (),
) -> Fitted:
    """Train the adapters and the head, and keep those of the best evaluation.

    Args:
        lowest: the number of the lowest block that has an adapter.
        digest: identifies the base model's weights.
        checkpoints: the folder for them; training goes on from the newest one that is complete.
        pooling: `tokenize.window_pooling`, where texts have several windows.

    Raises:
        UserError: when training diverges, or `train.class_weights` doesn't name the classes.
    """
    params = prepare_model(model, params)
    bfloat16 = use_bfloat16(params.dtype)
    train, by_length = train.select(longest_first(train)), longest_first(validation)
    validation = validation.select(by_length)
    batches, weights = make_batches(train, params)
    if not prefix.can_store(model, lowest, (train, validation), params):  # asked in float32, where little can differ
        lowest = 0
    with ExitStack() as stack:
        if bfloat16:
            stack.enter_context(bfloat16_base(model))
        rows, prefix_seconds = store_prefix(model, lowest, (train, validation), params, digest, stack)
        judge = ValidationMetrics(weights)
        num_labels = len(label_names(train)) if is_multi_label(train) else None
        collate = Collator(model.config.pad_token_id, bfloat16, num_labels)
        trainer = make_trainer(model, rows, batches, collate, judge, params, checkpoints, callbacks, pooling)
        started = time.perf_counter()
        trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
        best = best_evaluation(trainer.state, params.best_metric)
        logits = best_logits(trainer, judge, best, by_length)
        train_seconds = time.perf_counter() - started
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # or its forward would stay in bfloat16
    torch.set_float32_matmul_precision("highest")  # with which the reloaded model is compared
    return Fitted(trainer.state, best, logits, prefix_seconds, train_seconds)


def make_batches(train: Dataset, params: TrainParams) -> tuple[LengthBatches, np.ndarray]:
    """Return the batches to train on, and the weights of the classes in the loss, see class_weights.py."""
    truth = true_labels(train)
    weights = class_weights(params.class_weights, truth, label_names(train))
    lengths, windows = window_sizes(train)
    return LengthBatches(lengths, params, row_weights(weights, truth), windows=windows), weights


def prepare_model(model: PeftModel, params: TrainParams) -> TrainParams:
    """Put the model on the GPU, if there is one, and let it take the fast paths that change no result.

    Returns:
        The params, with float32 where this model can't be trained in bfloat16.
    """
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32, where bfloat16 is not used
        model.cuda()
    params = proven_dtype(model, params)
    skip_unread_positions(model)
    if model.device.type == "cpu":
        fuse_adapters(model)
        if use_bfloat16(params.dtype):
            use_products(model)
    # PyTorch's deterministic mode fills memory before it is written: a twentieth of a step, for nothing
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return params


def store_prefix(
    model: PeftModel,
    lowest: int,
    splits: Sequence[Dataset],
    params: TrainParams,
    digest: str,
    stack: ExitStack,
) -> tuple[list[Any], list[float]]:
    """Run the blocks below `lowest`, if there are any, once for each split.

    Until `stack` is closed, the model then starts at block `lowest`.

    Returns:
        The rows to train and validate on, and the seconds that each split took.
    """
    limit = int(params.prefix_cache_gb * 1e9)
    plain, no_seconds = [split.with_format("numpy") for split in splits], [0.0 for _ in splits]
    if not lowest:
        return plain, no_seconds
    rows, seconds = [], []
    with torch.autocast(model.device.type, torch.bfloat16, enabled=use_bfloat16(params.dtype)):
        blocks = find_blocks(model)  # which may run the model: its weights are in bfloat16 by now
        for split in splits:
            started = time.perf_counter()
            stored = prefix.with_prefix(model.eval(), blocks, lowest, split, digest, limit)
            try:
                rows.append(stack.enter_context(stored))
            except prefix.NoRoom:
                say("train.prefix_cache_gb: other runs are using the cache: the frozen blocks run for every batch")
                return plain, no_seconds
            seconds.append(time.perf_counter() - started)
        stack.enter_context(prefix.replayed_prefix(model, blocks, lowest))
    return rows, seconds


def best_logits(trainer: Trainer, judge: ValidationMetrics, best: dict[str, float], places: np.ndarray) -> np.ndarray:
    """Return the kept model's validation logits, float32 (n, classes), each row at its own of `places`.

    Those of the last evaluation are at hand; where an earlier one was the best, they are computed again.
    """
    last = [entry for entry in trainer.state.log_history if "eval_log_loss" in entry][-1]
    at_hand = best is last and judge.logits is not None
    predicted = judge.logits if at_hand else trainer.predict(trainer.eval_dataset).predictions
    logits = np.empty_like(predicted)
    logits[places] = predicted
    return logits


def write_log(fitted: Fitted, num_rows: int) -> None:
    """Write what differs from run to run to logs/, which neither DVC nor Git keeps."""
    report = {
        "prefix_seconds": sum(fitted.prefix_seconds),
        "train_seconds": fitted.train_seconds,
        "rows_per_second": fitted.state.epoch * num_rows / fitted.train_seconds,
        "peak_memory_gib": peak_memory_gib(),
        "threads": torch.get_num_threads(),
    }
    write_json(Path("logs/train-lora.json"), report)

"""Train the adapters and the head."""

import math
import resource
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
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainerState, TrainingArguments

from stages.common.attention import replace_attention
from stages.common.errors import UserError
from stages.common.first_position import skip_unread_positions
from stages.common.inference import longest_first
from stages.common.model import find_blocks
from stages.common.outputs import write_json
from stages.common.params import TrainParams
from stages.train_lora import prefix
from stages.train_lora.batches import Collator, LengthBatches
from stages.train_lora.bfloat16 import bfloat16_base, use_bfloat16
from stages.train_lora.callbacks import TRY_NEXT, Checkpoints, StopWhenDiverged, early_stopping
from stages.train_lora.checkpoints import last_checkpoint
from stages.train_lora.evaluations import ValidationMetrics, best_evaluation
from stages.train_lora.fused import fuse_adapters
from stages.train_lora.launcher import WORLD_SIZE


@dataclass(frozen=True)
class Fitted:
    """What training leaves besides the trained model."""

    state: TrainerState  # with the history of losses
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
    callbacks: Sequence[TrainerCallback] = (),
) -> Fitted:
    """Train the adapters and the head, and keep those of the lowest validation loss.

    Args:
        lowest: the number of the lowest block that has an adapter.
        digest: identifies the base model's weights.
        checkpoints: the folder for them; training goes on from the newest one that is complete.
        callbacks: what else to call while training runs.

    Raises:
        UserError: when the loss is not finite, or the trained model gives every validation text one class.
    """
    bfloat16 = use_bfloat16(params.dtype)
    prepare_model(model, bfloat16)
    train, by_length = train.select(longest_first(train)), longest_first(validation)
    validation = validation.select(by_length)
    batches = LengthBatches(train["length"], params)
    with ExitStack() as stack:
        if bfloat16:
            stack.enter_context(bfloat16_base(model))
        rows, prefix_seconds = store_prefix(model, lowest, (train, validation), params, digest, stack)
        trainer = ClassifierTrainer(
            model=model,
            args=training_arguments(params, len(batches), checkpoints),
            train_dataset=rows[0],
            eval_dataset=rows[1],
            data_collator=Collator(model.config.pad_token_id, bfloat16),
            compute_metrics=(judge := ValidationMetrics()),
            callbacks=[StopWhenDiverged(), Checkpoints(), *early_stopping(params), *callbacks],
        )
        trainer.batches = batches
        started = time.perf_counter()
        trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
        logits = best_logits(trainer, judge, by_length)
        train_seconds = time.perf_counter() - started
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # or its forward would stay in bfloat16
    torch.set_float32_matmul_precision("highest")  # with which the reloaded model is compared
    if best_evaluation(trainer.state)["eval_predicted_classes"] == 1:
        raise UserError(f"training collapsed: the model gives every validation text one class. {TRY_NEXT}.")
    return Fitted(trainer.state, logits, prefix_seconds, train_seconds)


def prepare_model(model: PeftModel, bfloat16: bool) -> None:
    """Put the model on the GPU, if there is one, and let it take the fast paths that change no result."""
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32, where bfloat16 is not used
        model.cuda()
    skip_unread_positions(model)
    if model.device.type == "cpu":
        fuse_adapters(model)
        if bfloat16:
            replace_attention(model, "product")
    # takes a twentieth of a step, to fill what is never read
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def store_prefix(
    model: PeftModel,
    lowest: int,
    splits: Sequence[Dataset],
    params: TrainParams,
    digest: str,
    stack: ExitStack,
) -> tuple[list[Any], list[float]]:
    """Run the blocks below `lowest` once for each split, if their output fits into the cache.

    Until `stack` is closed, the model then starts at block `lowest`.

    Returns:
        The rows to train and validate on, and the seconds that each split took.
    """
    limit = int(params.prefix_cache_gb * 1e9)
    if not lowest or sum(prefix.prefix_bytes(split, model.config.hidden_size) for split in splits) > limit:
        return [split.with_format("numpy") for split in splits], [0.0 for _ in splits]
    _, blocks = find_blocks(model)
    rows, seconds = [], []
    with torch.autocast(model.device.type, torch.bfloat16, enabled=use_bfloat16(params.dtype)):
        for split in splits:
            started = time.perf_counter()
            rows.append(prefix.with_prefix(model.eval(), blocks, lowest, split, digest, limit))
            seconds.append(time.perf_counter() - started)
        stack.enter_context(prefix.replayed_prefix(model, blocks, lowest))
    return rows, seconds


def best_logits(trainer: Trainer, judge: ValidationMetrics, places: np.ndarray) -> np.ndarray:
    """Return the kept model's validation logits, float32 (n, classes), each row at its own of `places`.

    Those of the last evaluation are at hand; where an earlier one was the best, they are computed again.
    """
    last = [entry for entry in trainer.state.log_history if "eval_log_loss" in entry][-1]
    at_hand = best_evaluation(trainer.state) is last and judge.logits is not None
    predicted = judge.logits if at_hand else trainer.predict(trainer.eval_dataset).predictions
    logits = np.empty_like(predicted)
    logits[places] = predicted
    return logits


def training_arguments(params: TrainParams, steps_per_epoch: int, checkpoints: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        per_device_eval_batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        lr_scheduler_type=params.scheduler,
        warmup_steps=math.ceil(params.warmup_fraction * params.epochs * steps_per_epoch),
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=use_bfloat16(params.dtype),
        eval_strategy="steps",
        eval_steps=max(1, steps_per_epoch // params.evaluations_per_epoch),
        save_strategy="best",
        load_best_model_at_end=True,
        metric_for_best_model="eval_log_loss",
        greater_is_better=False,
        save_total_limit=3,  # the best, the last, and the one before while the last is written
        restore_callback_states_from_checkpoint=True,
        average_tokens_across_devices=False,  # a loss here is one a text
        ddp_find_unused_parameters=False,
        logging_steps=params.logging_steps,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        seed=params.seed,
        full_determinism=True,
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        ddp_backend=("nccl" if torch.cuda.is_available() else "gloo") if WORLD_SIZE > 1 else None,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


class ClassifierTrainer(Trainer):
    """The Trainer, with batches of our making."""

    batches: "LengthBatches"

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the Trainer's own guess, which nobody reads, goes through all modules in every step


def write_log(fitted: Fitted, num_rows: int) -> None:
    """Write what differs from run to run to logs/, which neither DVC nor Git keeps."""
    report = {
        "prefix_seconds": sum(fitted.prefix_seconds),
        "train_seconds": fitted.train_seconds,
        "rows_per_second": fitted.state.epoch * num_rows / fitted.train_seconds,
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "threads": torch.get_num_threads(),
    }
    write_json(Path("logs/train-lora.json"), report)

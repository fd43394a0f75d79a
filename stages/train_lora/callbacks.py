"""What is done while training runs: stop it when it fails, save checkpoints."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EarlyStoppingCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from stages.common.errors import UserError
from stages.common.memory import give_back_freed_memory
from stages.common.params import TrainParams
from stages.train_lora import cache
from stages.train_lora.launcher import RANK

DIVERGED = 3  # times the first logged loss
TRY_NEXT = "try a lower train.learning_rate, a longer train.warmup_fraction or a lower lora.alpha"


def early_stopping(params: TrainParams) -> list[TrainerCallback]:
    return [EarlyStoppingCallback(params.early_stopping_patience)] if params.early_stopping_patience else []


class StopWhenDiverged(TrainerCallback):
    """Stop at the first logged loss that is not finite, or far above the first: training does not recover."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        for name in ("loss", "grad_norm", "eval_log_loss"):
            value = (logs or {}).get(name, 0.0)
            if not math.isfinite(value):
                raise UserError(f"training diverged: {name} is {value} at step {state.global_step}. {TRY_NEXT}.")
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        if losses and losses[-1] > DIVERGED * losses[0]:
            raise UserError(
                f"training diverged: the loss rose from {losses[0]:.3g} to {losses[-1]:.3g} at step "
                f"{state.global_step}. {TRY_NEXT}."
            )


class Checkpoints(TrainerCallback):
    """Save and tidy up whenever the loss is logged, seal what is saved, tell the batches which epoch it is."""

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        objects["train_dataloader"].batch_sampler.epoch = int(state.epoch or 0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if state.global_step % args.logging_steps == 0:
            control.should_save = True
            give_back_freed_memory()
        if control.should_evaluate and not any("loss" in entry for entry in state.log_history):
            control.should_log = True  # a run shorter than `logging_steps` has a loss history, too

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if RANK == 0:
            cache.seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")

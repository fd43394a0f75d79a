"""How transformers' Trainer is set up for this pipeline."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments

from predict.windows import surest_windows
from stages.common.params import TrainParams
from stages.train_lora.batches import Collator, LengthBatches, WeightedRows
from stages.train_lora.bfloat16 import use_bfloat16
from stages.train_lora.callbacks import Checkpoints, StopWhenDiverged, early_stopping
from stages.train_lora.evaluations import BEST, HIGHER_IS_BETTER, ValidationMetrics
from stages.train_lora.launcher import WORLD_SIZE


def make_trainer(
    model: PeftModel,
    rows: Sequence[Any],
    batches: LengthBatches,
    collate: Collator,
    judge: ValidationMetrics,
    params: TrainParams,
    checkpoints: Path,
    callbacks: Sequence[TrainerCallback],
    pooling: str,
) -> "ClassifierTrainer":
    """Return a Trainer of `model` on the first of `rows`, which judges it on the second."""
    trainer = ClassifierTrainer(
        model=model,
        args=training_arguments(params, len(batches), checkpoints),
        train_dataset=rows[0],
        eval_dataset=rows[1],
        data_collator=collate,
        compute_metrics=judge,
        callbacks=[StopWhenDiverged(), Checkpoints(), *early_stopping(params), *callbacks],
    )
    trainer.batches, trainer.pooling = batches, pooling
    return trainer


def training_arguments(params: TrainParams, steps_per_epoch: int, checkpoints: Path) -> TrainingArguments:
    """Return the Trainer's settings; `checkpoints` is the folder for them."""
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
        label_names=["labels"],  # which the Trainer does not find in every class
        eval_strategy="steps",
        eval_steps=max(1, steps_per_epoch // params.evaluations_per_epoch),
        save_strategy="best",
        load_best_model_at_end=True,
        metric_for_best_model=BEST[params.best_metric],
        greater_is_better=params.best_metric in HIGHER_IS_BETTER,
        save_total_limit=3,  # the best, the last, and the one before while the last is written
        restore_callback_states_from_checkpoint=True,
        average_tokens_across_devices=False,  # LengthBatches weighs the rows
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
    """The Trainer, with our batches and the loss that they weigh."""

    batches: LengthBatches
    pooling: str  # of a text's windows: tokenize.window_pooling

    def get_train_dataloader(self) -> DataLoader:
        rows = WeightedRows(self.train_dataset)
        return DataLoader(rows, batch_sampler=self.batches, collate_fn=self.data_collator)

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], return_outputs: bool = False, **_: Any
    ) -> Any:
        """Return the sum of the weighted cross-entropies, or their mean in an evaluation, which weighs no row.

        With several labels a row each label of each row has a cross-entropy, of the sigmoid of its logit.
        """
        labels, weights, windows = inputs.pop("labels"), inputs.pop("weights", None), inputs.pop("windows", None)
        outputs = model(**inputs)
        if windows is not None:
            outputs.logits = pool_windows(outputs.logits, windows, self.pooling)
        if labels.dim() == 2:
            losses = torch.nn.functional.binary_cross_entropy_with_logits(outputs.logits, labels, reduction="none")
        else:
            losses = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="none")
        loss = losses.mean() if weights is None else (losses * weights).sum()
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the Trainer's own guess, which nobody reads, goes through all modules in every step


def pool_windows(logits: torch.Tensor, counts: torch.Tensor, pooling: str) -> torch.Tensor:
    """Return what `predict.windows.pool` does, with gradients."""
    if pooling == "surest":
        chosen = surest_windows(logits.detach().float().cpu().numpy(), counts.cpu().numpy())
        return logits[torch.from_numpy(chosen).to(logits.device)]
    return torch.stack([windows.mean(0) for windows in logits.split(counts.tolist())])

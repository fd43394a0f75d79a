"""Fine-tune LoRA adapters and the head on the tokenized splits; the base model stays frozen.

Run: python -m stages.train_lora
"""

import json
import math
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.pytorch_utils import Conv1D

from stages.common import prefix
from stages.common.errors import UserError, run_stage
from stages.common.model import (
    find_blocks,
    load_adapter,
    load_base,
    pad_batch,
    parity_rows,
    predict_logits,
    skip_unread_positions,
)
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import LoraParams, TrainParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.tokens import label_names, read_split

QUERY_AND_VALUE = (  # of each family of architectures, in the order in which `auto` looks for them
    ("query", "value"),  # BERT, RoBERTa, ELECTRA
    ("q_lin", "v_lin"),  # DistilBERT
    ("query_proj", "value_proj"),  # DeBERTa-v2
    ("q_proj", "v_proj"),  # Llama, Qwen, Mistral, Gemma
    ("q", "v"),  # MPNet
    ("Wqkv",),  # ModernBERT: one matrix for query, key and value
    ("c_attn",),  # GPT-2, likewise
    ("query_key_value",),  # GPT-NeoX, Falcon, likewise
)
MEGABATCH = 50  # batches' worth of rows that are shuffled together, then sorted by length
TRAINING_COLUMNS = ["step", "epoch", "loss", "learning_rate", "grad_norm"]
VALIDATION_COLUMNS = {  # the Trainer's names, and ours
    "step": "step",
    "epoch": "epoch",
    "eval_loss": "loss",
    "eval_accuracy": "accuracy",
    "eval_f1_macro": "f1_macro",
}
MAX_RELOAD_DIFFERENCE = 1e-4  # of any logit, between the trained and the reloaded model
TRY_NEXT = "try a lower train.learning_rate, a longer train.warmup_fraction or a lower lora.alpha"


def main() -> None:
    """Leave models/adapter (adapter, head, some logits of the trained model), its metrics and its loss history.

    Raises:
        UserError: when params don't fit the model, or training diverges or collapses to one class.
    """
    params = load_params()
    paths = stage_paths("train-lora")
    train, validation = (read_split(paths["tokenized"], split) for split in ("train", "validation"))
    base_folder = resolve_model(params.model.base, "model.base")
    set_seed(params.train.seed)
    base, new_modules = load_base(base_folder, label_names(train))
    model, lowest = add_adapters(base, params.lora, new_modules)
    state = fit(model, lowest, train, validation, params.train, prefix.base_digest(base_folder))
    with whole_output(paths["adapter"]) as folder:
        save_adapter(model, folder, params.model.base)
        check_reload(model, base_folder, folder, validation)
    history = pd.DataFrame(state.log_history)
    write_table(paths["training.csv"], history.dropna(subset="loss")[TRAINING_COLUMNS])
    validated = history.dropna(subset="eval_loss")[list(VALIDATION_COLUMNS)]
    write_table(paths["validation.csv"], validated.rename(columns=VALIDATION_COLUMNS))
    write_json(paths["train.json"], summarise(model, state, history))


def add_adapters(base: PreTrainedModel, params: LoraParams, new_modules: list[str]) -> tuple[PeftModel, int]:
    """Put adapters on the base model; return the model and the number of the lowest block that has one.

    Raises:
        UserError: naming the param, when its modules or blocks aren't in the model.
    """
    blocks_name, blocks = find_blocks(base)
    layers = choose_layers(params.layers, len(blocks))
    linear = [name for name, module in blocks[0].named_modules() if isinstance(module, (torch.nn.Linear, Conv1D))]
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=choose_modules(params.target_modules, linear),
        layers_to_transform=layers,
        layers_pattern=blocks_name.rpartition(".")[2],
        modules_to_save=new_modules,
        use_rslora=params.rank_stabilized,
        use_dora=params.dora,
        init_lora_weights=True if params.init == "default" else params.init,
    )
    return get_peft_model(base, config), layers[0]


def choose_layers(asked: str | int | list[int], num_blocks: int) -> list[int]:
    """Return the numbers of the blocks that get adapters, lowest first: all, the last N, or those listed."""
    if asked == "all":
        return list(range(num_blocks))
    layers = list(range(num_blocks - asked, num_blocks)) if isinstance(asked, int) else sorted(set(map(int, asked)))
    if layers[0] < 0 or layers[-1] >= num_blocks:
        raise UserError(f"lora.layers: the base model has {num_blocks} blocks, from 0; however: {asked}")
    return layers


def choose_modules(asked: str | list[str], linear: list[str]) -> list[str]:
    """Return the names of the modules that get adapters, out of a block's linear modules (PEFT skips unknown ones)."""
    if asked == "all-linear":
        return linear
    available = {name.rpartition(".")[2] for name in linear}
    if asked == "auto":
        for family in QUERY_AND_VALUE:
            if available.issuperset(family):
                return list(family)
        raise UserError(f"lora.target_modules: auto knows no query and value here: name some of {sorted(available)}")
    unknown = [name for name in asked if not any(f".{module}".endswith(f".{name}") for module in linear)]
    if unknown:
        raise UserError(
            f"lora.target_modules: the base model's blocks have no linear module {', '.join(unknown)}: "
            f"name some of {', '.join(sorted(available))}, or auto, or all-linear"
        )
    return list(asked)


def fit(
    model: PeftModel, lowest: int, train: Dataset, validation: Dataset, params: TrainParams, digest: str
) -> TrainerState:
    """Train the adapters and the head, keep those of the lowest validation loss, and return the Trainer's state.

    Raises:
        UserError: when the loss is not finite, or the trained model gives every validation text one class.
    """
    _, blocks = find_blocks(model)
    skip_unread_positions(model, blocks)
    train, validation = (split.select(np.argsort(split["length"], kind="stable")) for split in (train, validation))
    limit = int(params.prefix_cache_gb * 1e9)
    width = model.config.hidden_size
    started = time.perf_counter()
    with ExitStack() as stack:
        output_dir = stack.enter_context(tempfile.TemporaryDirectory())
        if lowest and prefix.prefix_bytes(train, width) + prefix.prefix_bytes(validation, width) <= limit:
            autocast = torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16(params.dtype))
            with autocast:
                train, validation = (
                    prefix.with_prefix(model.eval(), blocks, lowest, split, digest, limit)
                    for split in (train, validation)
                )
            stack.enter_context(prefix.replayed_prefix(model, blocks, lowest))
        prefix_s = time.perf_counter() - started
        trainer = ClassifierTrainer(
            model=model,
            args=training_arguments(params, len(train), output_dir),
            train_dataset=train.with_format("numpy"),
            eval_dataset=validation.with_format("numpy"),
            data_collator=Collator(model.config.pad_token_id),
            compute_metrics=validation_metrics,
            callbacks=[StopWhenDiverged(), *early_stopping(params)],
        )
        trainer.train()
        predictions = trainer.predict(validation.with_format("numpy")).predictions.argmax(axis=1)
    if len(np.unique(predictions)) == 1:
        only = label_names(validation)[predictions[0]]
        raise UserError(f"training collapsed: the model calls every validation text {only}. {TRY_NEXT}.")
    write_log(trainer.state, len(train), prefix_s, time.perf_counter() - started - prefix_s)
    return trainer.state


def use_bfloat16(dtype: str) -> bool:
    """`auto` is bfloat16 where the processor multiplies it natively; elsewhere it is slower than float32."""
    native = torch.cuda.is_available() or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return dtype == "bfloat16" or (dtype == "auto" and bool(native))


def training_arguments(params: TrainParams, num_rows: int, output_dir: str) -> TrainingArguments:
    steps_per_epoch = math.ceil(num_rows / params.batch_size)
    return TrainingArguments(
        output_dir=output_dir,
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
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        save_total_limit=1,
        logging_steps=params.logging_steps,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        seed=params.seed,
        full_determinism=True,
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def early_stopping(params: TrainParams) -> list[TrainerCallback]:
    return [EarlyStoppingCallback(params.early_stopping_patience)] if params.early_stopping_patience else []


class StopWhenDiverged(TrainerCallback):
    """Stop at the first logged loss that is not finite."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        for name in ("loss", "grad_norm", "eval_loss"):
            value = (logs or {}).get(name, 0.0)
            if not math.isfinite(value):
                raise UserError(f"training diverged: {name} is {value} at step {state.global_step}. {TRY_NEXT}.")


class ClassifierTrainer(Trainer):
    """The Trainer, with batches of near-equal length whose order depends on the seed and the epoch alone."""

    def get_train_dataloader(self) -> DataLoader:
        batches = LengthBatches(self.train_dataset["length"], self.args.per_device_train_batch_size, self.args.seed)
        return self.accelerator.prepare(
            DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)
        )


class LengthBatches:
    """Batches of row numbers: each epoch shuffles all rows, and sorts them by length within MEGABATCH batches."""

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng([self.seed, self.epoch])
        shuffled = random.permutation(len(self.lengths))
        batches: list[np.ndarray] = []
        for start in range(0, len(shuffled), self.batch_size * MEGABATCH):
            rows = shuffled[start : start + self.batch_size * MEGABATCH]
            rows = rows[np.argsort(-self.lengths[rows], kind="stable")]
            batches += [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
        for place in random.permutation(len(batches)):
            yield batches[place].tolist()


class Collator:
    """Pad rows to the longest of their batch: int64 (batch, length), and the prefix float32 (batch, length, width)."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        batch = pad_batch({"input_ids": [row["input_ids"] for row in rows]}, self.pad_token_id)
        batch["labels"] = torch.tensor([int(row["label"]) for row in rows])
        if "prefix" in rows[0]:
            states = [torch.from_numpy(row["prefix"]).view(row["length"], -1) for row in rows]
            batch["prefix"] = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        return batch


def validation_metrics(prediction: EvalPrediction) -> dict[str, float]:
    classes = prediction.predictions.argmax(axis=1)
    return {
        "accuracy": float((classes == prediction.label_ids).mean()),
        "f1_macro": float(f1_score(prediction.label_ids, classes, average="macro")),
    }


def save_adapter(model: PeftModel, folder: Path, base: str) -> None:
    """Save adapter and head as PEFT does, naming the base model as params.yaml does rather than by a local path."""
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config_path = folder / "adapter_config.json"
    config = json.loads(config_path.read_text())
    for name, value in config.items():  # PEFT keeps some lists as sets, which have no order
        if isinstance(value, list):
            config[name] = sorted(value)
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def check_reload(model: PeftModel, base_folder: Path, folder: Path, validation: Dataset) -> None:
    """Compare the trained model with the one that its folder gives, and keep the trained one's logits beside it.

    Raises:
        RuntimeError: when they differ: something that was trained has not been saved.
    """
    rows = parity_rows(validation)
    trained = predict_logits(model.eval(), rows, len(rows))
    reloaded = predict_logits(load_adapter(base_folder, folder, label_names(validation)), rows, len(rows))
    difference = float(np.abs(trained - reloaded).max())
    if difference > MAX_RELOAD_DIFFERENCE:
        raise RuntimeError(f"the saved adapter is not the trained one: logits differ by {difference}")
    save_file({"trained_logits": torch.from_numpy(trained)}, folder / "parity.safetensors")


def summarise(model: PeftModel, state: TrainerState, history: pd.DataFrame) -> dict[str, float]:
    """Return metrics/train.json: losses, the best evaluation, and how much of the model was trained."""
    trainable, total = model.get_nb_trainable_parameters()
    best = history.dropna(subset="eval_loss").sort_values("eval_loss", kind="stable").iloc[0]
    return {
        "trainable_parameters": trainable,
        "total_parameters": total,
        "trainable_fraction": trainable / total,
        "optimizer_steps": state.global_step,
        "training_loss": float(history["loss"].dropna().iloc[-1]),
        "best_epoch": float(best["epoch"]),
        "validation_loss": float(best["eval_loss"]),
        "validation_accuracy": float(best["eval_accuracy"]),
        "validation_f1_macro": float(best["eval_f1_macro"]),
    }


def write_log(state: TrainerState, num_rows: int, prefix_s: float, train_s: float) -> None:
    """Write what differs from run to run to logs/, which neither DVC nor Git keeps."""
    report = {
        "prefix_seconds": prefix_s,
        "train_seconds": train_s,
        "rows_per_second": state.epoch * num_rows / train_s,
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "threads": torch.get_num_threads(),
    }
    write_json(Path("logs/train-lora.json"), report)


if __name__ == "__main__":
    run_stage(main)

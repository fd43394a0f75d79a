"""Fine-tune LoRA adapters and the head on the tokenized splits; the base model stays frozen.

Run: python -m stages.train_lora
"""

import hashlib
import json
import math
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peft
import torch
import transformers
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import save_file
from scipy.special import log_softmax
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

from stages.common import cache, prefix
from stages.common.attention import replace_attention
from stages.common.bfloat16 import LENGTH_MULTIPLE, bfloat16_base, use_bfloat16
from stages.common.errors import UserError, run_stage
from stages.common.fused import fuse_adapters
from stages.common.memory import give_back_freed_memory
from stages.common.model import (
    find_blocks,
    load_adapter,
    load_base,
    longest_first,
    pad_batch,
    parity_rows,
    predict_logits,
    save_adapter,
)
from stages.common.outputs import remove, whole_output, write_json, write_table
from stages.common.params import LoraParams, Params, TrainParams, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.tokens import label_names, read_split
from stages.common.unread import skip_unread_positions

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
RANK, WORLD_SIZE = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # as launchers set them
LAUNCHED = "TRAIN_LORA_LAUNCHED"  # tells the processes that a launcher starts to train, not to launch
MEGABATCH = 50  # batches' worth of rows that are shuffled together, then sorted by length
TRAINING_COLUMNS = ["step", "epoch", "loss", "learning_rate", "grad_norm"]
VALIDATION_COLUMNS = {  # the Trainer's names, and ours
    "step": "step",
    "epoch": "epoch",
    "eval_log_loss": "loss",
    "eval_accuracy": "accuracy",
    "eval_f1_macro": "f1_macro",
}
DIVERGED = 3  # times the first logged loss
MAX_RELOAD_DIFFERENCE = 1e-4  # of any logit, between the trained and the reloaded model
TRY_NEXT = "try a lower train.learning_rate, a longer train.warmup_fraction or a lower lora.alpha"


def main() -> None:
    """Leave models/adapter (adapter, head, the trained model's validation logits), its metrics and its loss history.

    A run that was killed goes on from its last checkpoint, and ends as if it had not been.

    Raises:
        UserError: when params don't fit the model, or training diverges or collapses to one class.
    """
    params = load_params()
    if params.train.launcher and LAUNCHED not in os.environ:
        launch(params.train.launcher)
        return
    paths = stage_paths("train-lora")
    train, validation = (read_split(paths["tokenized"], split) for split in ("train", "validation"))
    base_folder = resolve_model(params.model.base, "model.base")
    digest = prefix.base_digest(base_folder) + "4bit" * params.model.load_in_4bit
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    set_seed(params.train.seed)
    write_out = not torch.cuda.is_available()  # a CPU gains no time by 4 bits
    base, head = load_base(base_folder, label_names(train), params.model.load_in_4bit, write_out)
    model, lowest = add_adapters(base, params.lora, head)
    with checkpoint_dir(run_key(params, digest, train, validation)) as folder:
        state, logits = fit(model, lowest, train, validation, params.train, digest, folder)
        if RANK:
            return
        with whole_output(paths["adapter"]) as adapter_dir:
            save_adapter(model, adapter_dir, params.model.base)
            parity = check_reload(model, base_folder, adapter_dir, validation, params.model.load_in_4bit)
            save_file({"parity": parity, "validation": logits}, adapter_dir / "logits.safetensors")
        history = pd.DataFrame(state.log_history)
        write_table(paths["training.csv"], history.dropna(subset="loss")[TRAINING_COLUMNS])
        validated = history.dropna(subset="eval_log_loss")[list(VALIDATION_COLUMNS)]
        write_table(paths["validation.csv"], validated.rename(columns=VALIDATION_COLUMNS))
        write_json(paths["train.json"], summarise(model, state, history))


def launch(launcher: str) -> None:
    """Run this stage under a launcher of several processes, which `torchrun` and `accelerate launch` are.

    Raises:
        UserError: when it fails; what failed stands above.
    """
    command = [*shlex.split(launcher), "-m", "stages.train_lora"]
    try:
        status = subprocess.run(command, check=False, env={**os.environ, LAUNCHED: "1"}).returncode
    except OSError as error:
        raise UserError(f"train.launcher: {launcher} can't be run: {error.strerror}") from error
    if status:
        raise UserError(f"train.launcher: `{shlex.join(command)}` failed with status {status}; see above")


def add_adapters(base: PreTrainedModel, params: LoraParams, head: list[str]) -> tuple[PeftModel, int]:
    """Put adapters on the base model; return the model and the number of the lowest block that has one.

    Raises:
        UserError: naming the param, when its modules or blocks aren't in the model.
    """
    if params.init in ("pissa", "olora") and getattr(base, "is_loaded_in_4bit", False):
        raise UserError(
            f"lora.init: {params.init} takes a part out of weights that model.load_in_4bit rounds: set another"
        )
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
        modules_to_save=head,
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
    model: PeftModel,
    lowest: int,
    train: Dataset,
    validation: Dataset,
    params: TrainParams,
    digest: str,
    checkpoints: Path,
) -> tuple[TrainerState, np.ndarray]:
    """Train the adapters and the head, and keep those of the lowest validation loss.

    Returns:
        The Trainer's state, and the kept model's logits of the validation split, float32 (n, classes), in its order,
        computed in the number format that it was trained in.

    Raises:
        UserError: when the loss is not finite, or the trained model gives every validation text one class.
    """
    _, blocks = find_blocks(model)
    bfloat16 = use_bfloat16(params.dtype)
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
    train, by_length = train.select(longest_first(train)), longest_first(validation)
    validation = validation.select(by_length)
    started = time.perf_counter()
    batches = LengthBatches(train["length"], params)
    datasets: list[Any] = [split.with_format("numpy") for split in (train, validation)]
    with ExitStack() as stack:
        if bfloat16:
            stack.enter_context(bfloat16_base(model))
        if lowest and fits(params, train, validation, model.config.hidden_size):
            with torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16):
                datasets = [
                    prefix.with_prefix(model.eval(), blocks, lowest, split, digest, cache_bytes(params))
                    for split in (train, validation)
                ]
                stack.enter_context(prefix.replayed_prefix(model, blocks, lowest))
        prefix_s = time.perf_counter() - started
        trainer = ClassifierTrainer(
            model=model,
            args=training_arguments(params, len(batches), checkpoints),
            train_dataset=datasets[0],
            eval_dataset=datasets[1],
            data_collator=Collator(model.config.pad_token_id, bfloat16),
            compute_metrics=(judge := ValidationMetrics()),
            callbacks=[StopWhenDiverged(), Checkpoints(), *early_stopping(params)],
        )
        trainer.batches = batches
        trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
        last = [entry for entry in trainer.state.log_history if "eval_log_loss" in entry][-1]
        kept = best_evaluation(trainer.state) is last and judge.logits is not None
        predicted = judge.logits if kept else trainer.predict(datasets[1]).predictions
        logits = np.empty_like(predicted)
        logits[by_length] = predicted
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # or its forward would stay in bfloat16
    torch.set_float32_matmul_precision("highest")  # with which the reloaded model is compared
    if best_evaluation(trainer.state)["eval_predicted_classes"] == 1:
        raise UserError(f"training collapsed: the model gives every validation text one class. {TRY_NEXT}.")
    if RANK == 0:
        write_log(trainer.state, len(train), prefix_s, time.perf_counter() - started - prefix_s)
    return trainer.state, logits


def fits(params: TrainParams, train: Dataset, validation: Dataset, width: int) -> bool:
    needed = prefix.prefix_bytes(train, width) + prefix.prefix_bytes(validation, width)
    return needed <= cache_bytes(params)


def cache_bytes(params: TrainParams) -> int:
    return int(params.prefix_cache_gb * 1e9)


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


def early_stopping(params: TrainParams) -> list[TrainerCallback]:
    return [EarlyStoppingCallback(params.early_stopping_patience)] if params.early_stopping_patience else []


class StopWhenDiverged(TrainerCallback):
    """Stop at the first logged loss that is not finite, or far above the first one: no recipe comes back from there."""

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


class ClassifierTrainer(Trainer):
    """The Trainer, with batches of our making."""

    batches: "LengthBatches"

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the Trainer's own guess, which nobody reads, goes through all modules in every step


class LengthBatches:
    """Batches of row numbers of near-equal length, in an order that the seed and the epoch alone decide.

    Of `batch_size` rows each: every epoch shuffles all rows and sorts them by length within MEGABATCH batches. Of
    `max_batch_tokens` padded tokens each: rows are sorted by length, and those of one length shuffled. Under a launcher
    of several processes each gets its share of every batch.
    """

    def __init__(self, lengths: np.ndarray, params: TrainParams) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = params.batch_size
        self.max_tokens = params.max_batch_tokens
        self.seed = params.seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.epoch_batches())

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.epoch_batches():
            share = batch[RANK::WORLD_SIZE]
            yield (share if len(share) else batch[:1]).tolist()

    def epoch_batches(self) -> list[np.ndarray]:
        """Return the whole batches of this epoch, over all processes."""
        random = np.random.default_rng([self.seed, self.epoch])
        shuffled = random.permutation(len(self.lengths))
        batches: list[np.ndarray] = []
        if self.max_tokens:
            rows = shuffled[np.argsort(-self.lengths[shuffled], kind="stable")]
            start = 0
            while start < len(rows):
                end = start + max(1, self.max_tokens // int(self.lengths[rows[start]]))
                batches.append(rows[start:end])
                start = end
        else:
            for start in range(0, len(shuffled), self.batch_size * MEGABATCH):
                rows = shuffled[start : start + self.batch_size * MEGABATCH]
                rows = rows[np.argsort(-self.lengths[rows], kind="stable")]
                batches += [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
        return [batches[place] for place in random.permutation(len(batches))]


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

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if RANK == 0:
            cache.seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def run_key(params: Params, digest: str, train: Dataset, validation: Dataset) -> str:
    """Return a name for a run, made from all that decides its outcome."""
    decisive = [params.lora.model_dump_json(), params.train.model_dump_json(), digest]
    decisive += [prefix.rows_digest(split) for split in (train, validation)]
    decisive += [cache.file_sha256(path) for path in sorted(Path(__file__).parent.rglob("*.py"))]
    decisive += [torch.__version__, transformers.__version__, peft.__version__]
    return hashlib.sha256(" ".join(decisive).encode()).hexdigest()


@contextmanager
def checkpoint_dir(key: str) -> Iterator[Path]:
    """Give the folder for a run's checkpoints; it goes when the run ends well, or in a mistake of the user's."""
    folder = cache.cache_dir("checkpoints") / key
    with cache.locked(folder) if WORLD_SIZE == 1 else nullcontext():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        except UserError:
            remove(folder)
            raise
        if RANK == 0:
            remove(folder)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that can be gone on from: it and the best one that it names are as they were saved."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]), reverse=True)
    for checkpoint in found:
        if cache.intact(checkpoint):
            best = json.loads((checkpoint / "trainer_state.json").read_text())["best_model_checkpoint"]
            if best is None or cache.intact(Path(best)):
                print(f"going on from {checkpoint}", file=sys.stderr)
                return str(checkpoint)
        print(f"warning: {checkpoint} is incomplete or damaged: passed over", file=sys.stderr)
    return None


class Collator:
    """Pad rows to the longest of their batch: int64 (batch, length), and the prefix float32 (batch, length, width).

    In bfloat16 to a multiple of LENGTH_MULTIPLE.
    """

    def __init__(self, pad_token_id: int, bfloat16: bool = False) -> None:
        self.pad_token_id = pad_token_id
        self.multiple = LENGTH_MULTIPLE if bfloat16 else 1

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        batch = pad_batch({"input_ids": [row["input_ids"] for row in rows]}, self.pad_token_id, self.multiple)
        batch["labels"] = torch.tensor([int(row["label"]) for row in rows])
        if "prefix" in rows[0]:
            states = [row["prefix"].view(row["length"], -1) for row in rows]
            batch["prefix"] = torch.zeros(*batch["input_ids"].shape, states[0].shape[1])
            for row, stored in enumerate(states):
                batch["prefix"][row, : len(stored)] = stored
        return batch


class ValidationMetrics:
    """Judge an evaluation, and hold on to its logits, float32 (n, classes): the last one's are often wanted again.

    The Trainer's own eval_loss counts a last batch that is not full as if it were: this log loss counts every row once,
    whatever the batch size and the number of processes.
    """

    logits: np.ndarray | None = None

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        self.logits = prediction.predictions
        classes = self.logits.argmax(axis=1)
        log_probabilities = log_softmax(self.logits.astype(np.float64), axis=1)
        return {
            "log_loss": -float(log_probabilities[np.arange(len(classes)), prediction.label_ids].mean()),
            "accuracy": float((classes == prediction.label_ids).mean()),
            "f1_macro": float(f1_score(prediction.label_ids, classes, average="macro")),
            "predicted_classes": float(len(np.unique(classes))),
        }


def best_evaluation(state: TrainerState) -> dict[str, float]:
    """Return the first evaluation of the lowest validation loss: that of the adapter which is kept."""
    return min(
        (entry for entry in state.log_history if "eval_log_loss" in entry), key=lambda entry: entry["eval_log_loss"]
    )


def check_reload(
    model: PeftModel, base_folder: Path, folder: Path, validation: Dataset, load_in_4bit: bool
) -> np.ndarray:
    """Compare the trained model with the one that its folder gives; return the trained one's logits of parity_rows.

    Raises:
        RuntimeError: when they differ: something that was trained has not been saved.
    """
    rows = parity_rows(validation)
    trained = predict_logits(model.eval(), rows, len(rows))
    reloaded = load_adapter(base_folder, folder, label_names(validation), load_in_4bit)
    difference = float(np.abs(trained - predict_logits(reloaded, rows, len(rows))).max())
    if difference > MAX_RELOAD_DIFFERENCE:
        raise RuntimeError(f"the saved adapter is not the trained one: logits differ by {difference}")
    return trained


def summarise(model: PeftModel, state: TrainerState, history: pd.DataFrame) -> dict[str, float]:
    """Return metrics/train.json: losses, the best evaluation, and how much of the model was trained."""
    trainable, total = model.get_nb_trainable_parameters()
    best = best_evaluation(state)
    return {
        "trainable_parameters": trainable,
        "total_parameters": total,
        "trainable_fraction": trainable / total,
        "optimizer_steps": state.global_step,
        "training_loss": float(history["loss"].dropna().iloc[-1]),
        "best_epoch": float(best["epoch"]),
        "validation_loss": float(best["eval_log_loss"]),
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

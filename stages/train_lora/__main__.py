"""Fine-tune LoRA adapters and the head on the tokenized splits; the base model stays frozen.

Run: python -m stages.train_lora
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import PeftModel
from safetensors.numpy import save_file
from transformers import set_seed

from stages.common.errors import run_stage
from stages.common.inference import parity_rows, predict_logits
from stages.common.model import load_adapter, load_base, save_adapter
from stages.common.outputs import whole_output, write_json, write_table
from stages.common.params import Params, load_params
from stages.common.paths import stage_paths
from stages.common.references import resolve_model
from stages.common.splits import label_names, read_split
from stages.common.tokenizer import load_tokenizer
from stages.train_lora.adapters import add_adapters
from stages.train_lora.checkpoints import checkpoint_dir, run_key
from stages.train_lora.collapse import check_collapse
from stages.train_lora.digests import base_digest
from stages.train_lora.evaluations import VALIDATION_COLUMNS
from stages.train_lora.fit import Fitted, fit, write_log
from stages.train_lora.launcher import LAUNCHED, RANK, launch

TRAINING_COLUMNS = ["step", "epoch", "loss", "learning_rate", "grad_norm"]
MAX_RELOAD_DIFFERENCE = 1e-4  # of any logit, between the trained and the reloaded model


def main() -> None:
    """Leave models/adapter (adapter, head, the trained model's validation logits), its metrics and its loss history.

    A run that was killed starts again from its last checkpoint, and leaves the same files as one that was not.

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
    digest = base_digest(base_folder) + "4bit" * params.model.load_in_4bit
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    set_seed(params.train.seed)
    write_out = not torch.cuda.is_available()  # a CPU gains no time by 4 bits
    base, head = load_base(base_folder, label_names(train), params.model.load_in_4bit, write_out)
    model, lowest = add_adapters(base, params.lora, head)
    with checkpoint_dir(run_key(params, digest, train, validation)) as folder:
        pooling = params.tokenize.window_pooling
        fitted = fit(model, lowest, train, validation, params.train, digest, folder, pooling)
        unknown_id = load_tokenizer(base_folder).unk_token_id
        check_collapse(fitted.logits, fitted.state.global_step, train, validation, params.train, unknown_id)
        if RANK:
            return
        write_log(fitted, len(train))
        with whole_output(paths["adapter"]) as adapter_dir:
            save_adapter(model, adapter_dir, params.model.base)
            parity = check_reload(model, base_folder, adapter_dir, validation, params)
            save_file({"parity": parity, "validation": fitted.logits}, adapter_dir / "logits.safetensors")
        history = pd.DataFrame(fitted.state.log_history)
        write_table(paths["training.csv"], history.dropna(subset="loss")[TRAINING_COLUMNS])
        validated = history.dropna(subset="eval_log_loss")[list(VALIDATION_COLUMNS)]
        write_table(paths["validation.csv"], validated.rename(columns=VALIDATION_COLUMNS))
        write_json(paths["train.json"], summarise(model, fitted, history))


def check_reload(model: PeftModel, base_folder: Path, folder: Path, validation: Dataset, params: Params) -> np.ndarray:
    """Compare the trained model with the one that its folder gives; return the trained one's logits of parity_rows.

    Raises:
        RuntimeError: when they differ: something that was trained has not been saved.
    """
    rows = parity_rows(validation)
    pooling = params.tokenize.window_pooling
    trained = predict_logits(model.eval(), rows, len(rows), pooling)
    reloaded = load_adapter(base_folder, folder, label_names(validation), params.model.load_in_4bit)
    difference = float(np.abs(trained - predict_logits(reloaded, rows, len(rows), pooling)).max())
    if difference > MAX_RELOAD_DIFFERENCE:
        raise RuntimeError(f"the saved adapter is not the trained one: logits differ by {difference}")
    return trained


def summarise(model: PeftModel, fitted: Fitted, history: pd.DataFrame) -> dict[str, float]:
    """Return metrics/train.json: losses, the best evaluation, and how much of the model was trained."""
    trainable, total = model.get_nb_trainable_parameters()
    return {
        "trainable_parameters": trainable,
        "total_parameters": total,
        "trainable_fraction": trainable / total,
        "optimizer_steps": fitted.state.global_step,
        "training_loss": float(history["loss"].dropna().iloc[-1]),
        "best_epoch": float(fitted.best["epoch"]),
        "validation_loss": float(fitted.best["eval_log_loss"]),
        "validation_accuracy": float(fitted.best["eval_accuracy"]),
        "validation_f1_macro": float(fitted.best["eval_f1_macro"]),
    }


if __name__ == "__main__":
    run_stage(main, "train-lora")

"""Save the trained model for PyTorch: the adapter, and the base model with it merged in."""

import json
from pathlib import Path

import torch
from peft import PeftModel

from stages.common.model import load_adapter, save_adapter
from stages.common.params import Params
from stages.common.tokenizer import load_tokenizer


def save_torch(
    base: Path, adapter_dir: Path, labels: list[str], temperature: float, folder: Path, params: Params
) -> None:
    """Save the adapter with a calibrated head, and the base model with both merged into it, beside its tokenizer."""
    model = load_adapter(base, adapter_dir, labels, params.model.load_in_4bit)
    scale_logits(model, len(labels), 1 / temperature)
    save_adapter(model, folder / "adapter", params.model.base)
    model.merge_and_unload().save_pretrained(folder)
    load_tokenizer(base).save_pretrained(folder)
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in ("is_local", "local_files_only")}
    config_path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def scale_logits(model: PeftModel, num_labels: int, factor: float) -> None:
    """Multiply the logits by `factor`, in the weights of the trained layer that gives them."""
    layers = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == num_labels and "modules_to_save" in name
    ]
    with torch.no_grad():
        for parameter in layers[-1].parameters():
            parameter.mul_(factor)

"""Save the trained model for PyTorch: the adapter, and the base model with it merged in."""

import json
from pathlib import Path

from stages.common.model import load_adapter, save_adapter, scale_logits
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

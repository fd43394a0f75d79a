"""Save the trained model for PyTorch: the adapter, and the base model with it merged in."""

import json
from pathlib import Path

from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from predict.tokens import Layout
from scoring.calibrated import Calibrated
from stages.common.model import load_adapter, save_adapter, scale_logits
from stages.common.params import Params
from stages.common.probe import note
from stages.common.tokenizer import TextEncoder, load_tokenizer


def save_torch(
    base: Path, adapter_dir: Path, labels: list[str], calibrated: Calibrated, folder: Path, params: Params
) -> None:
    """Save the adapter with a calibrated head, and the base model with both merged into it, beside its tokenizer."""
    model = load_adapter(base, adapter_dir, labels, params.model.load_in_4bit)
    scale_logits(model, len(labels), 1 / calibrated.temperature)
    save_adapter(model, folder / "adapter", params.model.base)
    merged = model.merge_and_unload()
    if calibrated.thresholds is not None:  # so that a pipeline takes the sigmoid of each logit
        merged.config.problem_type = "multi_label_classification"
    merged.save_pretrained(folder)
    encoder = TextEncoder(base, params.tokenize, pairs=params.data.text_pair_column is not None)
    if encoder.layout.pairs and not parts_as_trained(encoder.tokenizer, encoder):
        part_texts(encoder.tokenizer, encoder.layout)
    encoder.tokenizer.save_pretrained(folder)
    if encoder.layout.pairs and not parts_as_trained(load_tokenizer(folder), encoder):
        note("transformers will not put the two texts of a pair together as in training: use predict")
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in ("is_local", "local_files_only")}
    config_path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def parts_as_trained(tokenizer: PreTrainedTokenizerBase, encoder: TextEncoder) -> bool:
    """Tell whether transformers' own tokenizer puts two texts together as they were for training."""
    ((window,),), _ = encoder.encode(["a"], ["a"])
    return tokenizer("a", "a")["input_ids"] == window.ids


def part_texts(tokenizer: PreTrainedTokenizerBase, layout: Layout) -> None:
    """Let a tokenizer that would put nothing between two texts put there what training had."""
    name = tokenizer.convert_ids_to_tokens
    before, between, after = (name(ids) for ids in (layout.tokens_before, layout.tokens_between, layout.tokens_after))
    special = dict.fromkeys([*before, *between, *after])
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=[*before, "$A:0", *after],
        pair=[*before, "$A:0", *between, "$B:1", *after],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in special],
    )

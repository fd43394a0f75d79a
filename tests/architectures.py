"""Tiny random models of every architecture that transformers can classify with, and what each of them can do.

Run: python -m tests.architectures, which writes docs/architectures.md
"""

import contextlib
import io
import json
import sys
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import tiny
import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import logging

from predict.classifier import MODELS, start_session
from predict.tokens import Window
from stages.common.blocks import find_blocks
from stages.common.errors import UserError
from stages.common.first_position import skip_unread_positions
from stages.common.inference import pad_batch, predict_logits
from stages.common.model import load_adapter, load_base, run_without_padding, save_adapter
from stages.common.params import load_params
from stages.common.probe import reason
from stages.common.splits import row_windows, token_columns, token_features
from stages.common.tokenizer import TextEncoder
from stages.export.onnx_graph import save_onnx
from stages.train_lora import prefix
from stages.train_lora.adapters import add_adapters
from stages.train_lora.fused import fuse_adapters

BLOCKS = 3
SIZES: dict[str, Any] = {  # what the architectures' configurations call their sizes, and what is tiny for each
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "emb_dim", "embedding_size"), 32),
    **dict.fromkeys(("input_embedding_size", "pooler_hidden_size", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "n_layer", "num_layers"), BLOCKS),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), BLOCKS),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads", "num_experts_per_tok"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "dff", "d_inner", "ffn_dim", "encoder_ffn_dim"), 64),
    **dict.fromkeys(("decoder_ffn_dim", "ffn_hidden_size", "moe_intermediate_size"), 64),
    **dict.fromkeys(("shared_expert_intermediate_size", "feed_forward_size"), 64),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 128),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "n_group", "topk_group"), 1),
    **dict.fromkeys(("head_dim", "d_kv", "d_head", "attention_head_size", "linear_key_head_dim"), 16),
    **dict.fromkeys(("v_head_dim", "linear_value_head_dim", "attention_head_dim"), 16),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "mamba_d_state"), 4),
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "sliding_window", "local_attention"), 8),
    "mamba_dt_rank": 2,
    "vocab_size": 2100,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
FULL_AND_SLIDING = ["full_attention", "sliding_attention", "full_attention"]
MIXED = ["linear_attention", "full_attention", "linear_attention"]
LATENT = {"qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16, "head_dim": 8, "num_key_value_heads": 2}
OTHER_SIZES: dict[str, dict[str, Any]] = {
    "axk1": LATENT | {"mlp_layer_types": ["dense", "sparse", "sparse"]},
    "axk2": LATENT | {"mlp_layer_types": ["dense", "sparse", "sparse"]},
    "cohere_compass_text": {"layer_types": FULL_AND_SLIDING},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16},
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT | {"qk_head_dim": 16},
    "diffllama": {"num_key_value_heads": 2},
    "esmc": {"num_key_value_heads": 2},
    "funnel": {"block_sizes": [1, 1, 1], "d_model": 32},
    "gpt_neo": {"attention_types": [[["global", "local", "global"], 1]]},
    "gptj": {"rotary_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "layoutlmv3": {"visual_embed": False, "coordinate_size": 5, "shape_size": 6},
    "lilt": {"channel_shrink_ratio": 2, "hidden_size": 24},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 16},
    "markuplm": {"max_xpath_tag_unit_embeddings": 8, "max_xpath_subs_unit_embeddings": 8, "max_depth": 4},
    "minicpm3": LATENT,
    "mistral4": LATENT | {"qk_head_dim": 16},
    "modernbert": {"global_attn_every_n_layers": 2, "cls_token_id": 2, "sep_token_id": 3},
    "perceiver": {"num_latents": 8, "d_latents": 32, "num_self_attends_per_block": 3, "max_position_embeddings": 64},
    "qwen3_5_text": {"layer_types": MIXED},
    "qwen3_next": {"layer_types": MIXED},
    "reformer": {"attn_layers": ["local", "lsh", "local"], "axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16]},
    "roc_bert": {"pronunciation_vocab_size": 10, "shape_vocab_size": 10, "shape_embed_dim": 8},
    "t5": {"decoder_start_token_id": 0},
    "xmod": {"default_language": "en_XX"},
    "zamba2": {"layers_block_type": ["mamba", "hybrid", "mamba"], "num_mem_blocks": 1, "mamba_headdim": 16},
}
ARCHITECTURES = tuple(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)


def tiny_config(model_type: str) -> PreTrainedConfig:
    """Return the configuration of a tiny model."""

    def shrink(content: dict[str, Any]) -> dict[str, Any]:
        inner = {
            name: {"model_type": value["model_type"], **shrink(value), **OTHER_SIZES.get(value["model_type"], {})}
            for name, value in content.items()
            if isinstance(value, dict) and "model_type" in value
        }
        return {name: size for name, size in SIZES.items() if name in content} | inner

    sizes = shrink(AutoConfig.for_model(model_type).to_dict()) | OTHER_SIZES.get(model_type, {})
    return AutoConfig.for_model(model_type, **sizes)


def save_architecture(folder: Path, model_type: str) -> Path:
    """Save a tiny base model of an architecture, with random weights from a fixed seed, and a tokenizer."""
    config = tiny_config(model_type)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    decoder = model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    tiny.save_tokenizer(folder, decoder and not config.is_encoder_decoder)
    return folder


LABELS = ["bad", "good"]
COLUMNS = ("trains", "reloads", "merges", "ONNX", "int8", "prefix", "fused", "first position")
STEPS, ROWS = 30, 24
PARITY = 1e-4  # of any logit
PAGE = Path(__file__).parents[1] / "docs/architectures.md"
TEXT = """# Architectures

Made by `python -m tests.architectures`, from tiny models with random weights of every architecture that
`AutoModelForSequenceClassification` of transformers knows: adapters in every linear layer, {steps} steps in float32.

| column | yes means |
| --- | --- |
| trains | the loss of its rows falls by a fifth or more |
| reloads, merges | the saved adapter, and the merged model, give its logits within {parity:g} |
| ONNX | ONNX Runtime gives them too, within {parity:g} |
| int8 | so it decides with weights of 8 bits: a tenth of the texts otherwise at most |
| prefix, fused, first position | this fast path holds on it; where it doesn't, training says so and goes without |

`lengths` instead of yes: its logits depend on padding, so texts of one length run together. What is refused is refused
in one line, before training.

| architecture | {columns} | refused because |
| --- | {rule} | --- |
{rows}
"""


def tokenized(base: Path) -> Dataset:
    """Return rows that a model can be trained on."""
    texts, labels = zip(*tiny.labelled_texts(ROWS), strict=True)
    windows, counts = TextEncoder(base, load_params(tiny.PARAMS).tokenize).encode(list(texts))
    rows = {**token_columns(windows), **counts, "label": labels}
    rows = {name: rows[name] for name in token_features(LABELS)}
    return Dataset.from_dict(rows, features=token_features(LABELS))


def examine(model_type: str, folder: Path) -> dict[str, str]:
    """Return what an architecture can do, by column: `yes`, `lengths` or `no`; `refused` holds a refusal's line."""
    base = save_architecture(folder / "base", model_type)
    rows = tokenized(base)
    lora = load_params(tiny.PARAMS).lora.model_copy(update={"target_modules": "all-linear", "layers": "all"})
    torch.manual_seed(0)
    try:
        model, _ = add_adapters(*load_base(base, LABELS)[:1], lora, load_base(base, LABELS)[1])
    except UserError as error:
        return {"refused": str(error).removeprefix("model.base: ").replace(str(folder), "")}
    fell = train(model, rows)
    trained = predict_logits(model.eval(), rows, 5)
    save_adapter(model, folder / "adapter", "the/base")
    reloaded = load_adapter(base, folder / "adapter", LABELS)
    found = {"trains": fell, "reloads": near(predict_logits(reloaded, rows, 7), trained)}
    merged = reloaded.merge_and_unload()
    merged.save_pretrained(folder / "merged")
    again = AutoModelForSequenceClassification.from_pretrained(folder / "merged").eval()
    run_without_padding(again)
    found["merges"] = near(predict_logits(again, rows, 7), trained)
    blocks = find_blocks(model)
    found["prefix"] = blocks.whole and len(blocks) > 1 and not prefix.why_not_on_prefix(model, blocks, len(blocks) - 1)
    found["fused"] = fuse_adapters(model) > 0
    found["first position"] = skip_unread_positions(model)
    return {name: "yes" if held else "no" for name, held in found.items()} | examine_onnx(
        folder / "merged", rows, trained
    )


def train(model: Any, rows: Dataset) -> bool:
    """Take STEPS steps on all rows; tell whether their loss fell by a fifth."""
    windows = [*chain.from_iterable(row_windows(rows[:]))]
    batch = {**pad_batch(windows, model.config.pad_token_id), "labels": torch.tensor(rows["label"])}
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=5e-3)
    losses = []
    for _ in range(STEPS):
        loss = model.train()(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[-1] < 0.8 * losses[0]


def examine_onnx(folder: Path, rows: Dataset, trained: np.ndarray) -> dict[str, str]:
    """Return whether the ONNX graphs give the trained model's logits, and its decisions in int8."""
    graphs = save_onnx(folder)
    if graphs.problem:
        return {"ONNX": "no", "int8": "no"}
    pad = AutoConfig.from_pretrained(folder).get_text_config().pad_token_id
    logits = {}
    for precision, name in MODELS.items():
        session = start_session(folder / name, 1)
        parts = []
        for ids in rows["input_ids"]:
            other = ids if graphs.equal_lengths else [*ids, *ids]  # pads the first
            batch = pad_batch([Window(ids), Window(other)], pad)
            taken = {value.name: batch[value.name].numpy() for value in session.get_inputs()}
            parts.append(session.run(["logits"], taken)[0][:1])
        logits[precision] = np.concatenate(parts)
    held = "lengths" if graphs.equal_lengths else "yes"
    flipped = (logits["int8"].argmax(1) != trained.argmax(1)).mean()
    return {"ONNX": held if near(logits["fp32"], trained) else "no", "int8": held if flipped <= 0.1 else "no"}


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found - expected).max() <= PARITY)


def row_of(model_type: str) -> dict[str, str]:
    """Examine an architecture in a folder of its own; what it can't be built from is said in its row, too."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        try:
            return examine(model_type, Path(folder))
        except Exception as error:
            return {"refused": f"failed: {reason(error)}"}


def write_page(found: dict[str, dict[str, str]]) -> None:
    lines = [
        f"| {name} | {' | '.join(row.get(column, '') for column in COLUMNS)} "
        f"| {row.get('refused', '').replace('|', '/')} |"
        for name, row in sorted(found.items())
    ]
    rule = " | ".join("---" for _ in COLUMNS)
    text = TEXT.format(steps=STEPS, parity=PARITY, columns=" | ".join(COLUMNS), rule=rule, rows="\n".join(lines))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    results: dict[str, dict[str, str]] = {}
    for architecture in sys.argv[1:] or ARCHITECTURES:
        results[architecture] = row_of(architecture)
        print(architecture, json.dumps(results[architecture]), flush=True)
    if not sys.argv[1:]:
        write_page(results)

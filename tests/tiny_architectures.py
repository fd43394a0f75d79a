"""Tiny base models with random weights, of every architecture that transformers can classify with."""

from pathlib import Path
from typing import Any

import tiny
import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

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
    **dict.fromkeys(("initializer_range", "init_std", "embed_init_std"), 0.1),  # for so few dimensions
    "mamba_dt_rank": 2,
    "vocab_size": 2100,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
FULL_AND_SLIDING = ["full_attention", "sliding_attention", "full_attention"]
MIXED = ["linear_attention", "full_attention", "linear_attention"]
COMPASS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
LATENT = {"qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16, "head_dim": 8, "num_key_value_heads": 2}
SHARED = {
    "layers_block_type": ["hybrid", "linear_attention", "hybrid"],
    "attention_head_dim": 32,
    "num_key_value_heads": 2,
}
OTHER_SIZES: dict[str, dict[str, Any]] = {
    "axk1": LATENT | {"mlp_layer_types": ["dense", "sparse", "sparse"]},
    "axk2": LATENT | {"mlp_layer_types": ["dense", "sparse", "sparse"]},
    "cohere_compass_text": {
        "layer_types": FULL_AND_SLIDING,
        "rope_parameters": dict.fromkeys(FULL_AND_SLIDING, COMPASS),
    },
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
    "longformer": {"attention_window": [8, 8, 8]},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 16},
    "markuplm": {"max_depth": 4},
    "minicpm3": LATENT,
    "mistral4": LATENT | {"qk_head_dim": 16, "head_dim": 16},
    "modernbert": {"global_attn_every_n_layers": 2, "cls_token_id": 2, "sep_token_id": 3},
    "perceiver": {"num_latents": 8, "d_latents": 32, "num_self_attends_per_block": 3, "max_position_embeddings": 64},
    "qwen3_5_text": {"layer_types": MIXED},
    "qwen3_next": {"layer_types": MIXED},
    "reformer": {"attn_layers": ["local", "lsh", "local"], "axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16]},
    "roc_bert": {"pronunciation_vocab_size": 10, "shape_vocab_size": 10, "shape_embed_dim": 8},
    "t5": {"decoder_start_token_id": 0},
    "xmod": {"default_language": "en_XX"},
    "zamba": SHARED | {"n_mamba_heads": 2},
    "zamba2": SHARED | {"n_mamba_heads": 4, "mamba_headdim": 16, "num_mem_blocks": 1},
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
    config.architectures = config.architectures or []  # Funnel's is asked for them
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    decoder = model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    tiny.save_tokenizer(folder, decoder and not config.is_encoder_decoder)
    return folder

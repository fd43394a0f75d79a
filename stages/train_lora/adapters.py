"""Put LoRA adapters on a base model."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

from stages.common.errors import UserError
from stages.common.model import find_blocks
from stages.common.params import LoraParams

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

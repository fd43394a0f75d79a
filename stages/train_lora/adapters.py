"""Put LoRA adapters on a base model."""

import re
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from transformers import PreTrainedModel

from stages.common.blocks import Blocks, find_blocks, product_names
from stages.common.errors import UserError
from stages.common.model import scale_logits
from stages.common.params import LoraParams
from stages.common.probe import note, probe_batch, probe_logits, probing, reason, why_different

QUERY_AND_VALUE = (  # of each family of architectures, in the order in which `auto` looks for them
    ("query", "value"),  # BERT, RoBERTa, ELECTRA
    ("q_lin", "v_lin"),  # DistilBERT
    ("query_proj", "value_proj"),  # DeBERTa-v2
    ("q_proj", "v_proj"),  # Llama, Qwen, Mistral, Gemma
    ("q", "v"),  # MPNet, T5
    ("Wqkv",),  # ModernBERT: one matrix for query, key and value
    ("c_attn",),  # GPT-2, likewise
    ("query_key_value",),  # GPT-NeoX, Falcon, likewise
    ("in_proj",),  # DeBERTa, likewise; of state spaces, what enters them
)
QUERY_OR_VALUE = re.compile(r"w?(q|v|kv|qkv|qkvz|query|value)", re.IGNORECASE)  # a word of any other name
SVD_INITS = ("pissa", "olora")  # take a part out of the base's weights


def add_adapters(base: PreTrainedModel, params: LoraParams, head: list[str]) -> tuple[PeftModel, int]:
    """Put adapters on the base model; return the model and the number of the lowest block that has one.

    Raises:
        UserError: naming the param, when its modules or blocks aren't in the model, or when the model can't be trained.
    """
    blocks = find_blocks(base)
    layers = choose_layers(params.layers, len(blocks))
    wanted = choose_modules(params.target_modules, blocks, layers)
    check_init(params, base, wanted)
    options = {
        "task_type": "SEQ_CLS",
        "r": params.r,
        "lora_alpha": params.alpha,
        "lora_dropout": params.dropout,
        "modules_to_save": head,
        "use_rslora": params.rank_stabilized,
        "use_dora": params.dora,
        "init_lora_weights": True if params.init == "default" else params.init,
        "rank_pattern": check_patterns("rank_pattern", params.rank_pattern, wanted),
        "alpha_pattern": check_patterns("alpha_pattern", params.alpha_pattern, wanted),
    }
    config = name_modules(options, base, blocks, layers, wanted)
    try:
        model = get_peft_model(base, config)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, TypeError) as error:
        raise UserError(f"lora: PEFT can't put these adapters on {type(base).__name__}: {reason(error)}") from error
    check_training(model, base.config.num_labels)
    return model, layers[0]


def choose_layers(asked: str | int | list[int], num_blocks: int) -> list[int]:
    """Return the numbers of the blocks that get adapters, lowest first: all, the last N, or those listed."""
    if asked == "all":
        return list(range(num_blocks))
    layers = list(range(num_blocks - asked, num_blocks)) if isinstance(asked, int) else sorted(set(map(int, asked)))
    if layers[0] < 0 or layers[-1] >= num_blocks:
        raise UserError(f"lora.layers: the base model has {num_blocks} blocks, from 0; however: {asked}")
    return layers


def choose_modules(asked: str | list[str], blocks: Blocks, layers: list[int]) -> list[str]:
    """Return the names of the modules that get adapters, out of the linear ones of the chosen blocks.

    PEFT would skip unknown names in silence.
    """
    products = [product_names(blocks, place) for place in layers]
    everything = [name for block in products for name in block]
    if asked == "all-linear":
        return everything
    if asked == "auto":
        found = [find_query_and_value(block) for block in products]
        without = [layer for layer, names in zip(layers, found, strict=True) if not names]
        if len(without) == len(layers):
            note("lora.target_modules: auto finds no query and value projections: every linear layer gets an adapter")
            return everything
        if without:
            note(f"lora.target_modules: auto finds no query and value in blocks {without}: they get no adapters")
        return [name for names in found for name in names]
    if isinstance(asked, str):
        matched = [name for name in everything if re.fullmatch(asked, name)]
        unknown = [] if matched else [asked]
    else:
        matched = [name for name in everything if any(f".{name}".endswith(f".{end}") for end in asked)]
        unknown = [end for end in asked if not any(f".{name}".endswith(f".{end}") for name in everything)]
    if unknown:
        available = sorted({name.rpartition(".")[2] for name in everything})
        raise UserError(
            f"lora.target_modules: the chosen blocks have no linear module {', '.join(unknown)}: "
            f"name some of {', '.join(available)}, or auto, or all-linear, or a regular expression for whole names, "
            f"as {everything[0]}"
        )
    return matched


def find_query_and_value(names: list[str]) -> list[str]:
    """Return the query and value projections among a block's linear modules, by the known families' names or by
    names that say so."""
    last = {name: name.rpartition(".")[2] for name in names}
    for family in QUERY_AND_VALUE:
        if set(last.values()).issuperset(family):  # and of Longformer the query_global
            return [name for name in names if last[name] in family or last[name].rpartition("_")[0] in family]
    return [name for name in names if any(QUERY_OR_VALUE.fullmatch(word) for word in last[name].split("_"))]


def check_init(params: LoraParams, base: PreTrainedModel, wanted: list[str]) -> None:
    """Raise UserError for a way to begin that these weights don't allow."""
    if params.init.startswith(SVD_INITS) and getattr(base, "is_loaded_in_4bit", False):
        raise UserError(
            f"lora.init: {params.init} takes a part out of weights that model.load_in_4bit rounds: set another"
        )
    if params.init.startswith((*SVD_INITS, "orthogonal")):
        other = next((name for name in wanted if not isinstance(base.get_submodule(name), torch.nn.Linear)), None)
        if other is not None:
            kind = type(base.get_submodule(other)).__name__
            raise UserError(f"lora.init: {params.init} is for linear layers, and {other} is a {kind}: set default")
        narrow = min(min(base.get_submodule(name).weight.shape) for name in wanted)
        ranks = [params.r, *params.rank_pattern.values()]
        if params.init.startswith(SVD_INITS) and max(ranks) > narrow:
            raise UserError(f"lora.r: with lora.init {params.init} at most {narrow} here; however: {max(ranks)}")
        if params.init == "orthogonal" and any(rank % 2 for rank in ranks):
            raise UserError(f"lora.r: with lora.init orthogonal an even number; however: {ranks[0]}")


def check_patterns(key: str, patterns: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    """Return ranks or alphas by module; raise UserError for a pattern that no adapted module's name ends with."""
    used = {get_pattern_key(list(patterns), name) for name in wanted}
    unused = [pattern for pattern in patterns if pattern not in used]
    if unused:
        raise UserError(
            f"lora.{key}: no module with an adapter is called {', '.join(unused)}: use names as {wanted[0]}"
        )
    return dict(patterns)


def name_modules(
    options: dict[str, Any], base: PreTrainedModel, blocks: Blocks, layers: list[int], wanted: list[str]
) -> LoraConfig:
    """Return a configuration whose modules are those wanted: by short names and blocks, if PEFT finds the same by
    them, or else by whole names."""
    inner = dict.fromkeys(blocks.inner_name(name) for name in wanted)
    pattern = blocks.names[0][0].split(".")[-2]
    short = LoraConfig(**options, target_modules=list(inner), layers_to_transform=layers, layers_pattern=pattern)
    matched = [name for name, _ in base.named_modules() if check_target_module_exists(short, name) is True]
    return short if sorted(matched) == sorted(wanted) else LoraConfig(**options, target_modules=wanted)


def check_training(model: PeftModel, num_labels: int) -> None:
    """Take one step's gradients on a probe, and leave out of training what they never reach.

    Raises:
        UserError: when the model can't run or be trained on token ids alone, or its last layer isn't linear.
    """
    name = type(model.get_base_model()).__name__
    try:
        batch = probe_batch(model)
        with probing(model):
            model.train()  # Reformer, for one, takes fewer texts then
            loss = model(**batch, labels=torch.arange(len(batch["input_ids"]), device=model.device) % num_labels).loss
            loss.backward()
        if not torch.isfinite(loss):
            raise ValueError(f"its loss is {loss.item()}")
        before = probe_logits(model, batch)
        scale_logits(model, num_labels, 2.0)
        doubled = probe_logits(model, batch)
        scale_logits(model, num_labels, 0.5)
    except Exception as error:  # whatever an architecture's own code raises
        raise UserError(f"model.base: {name} can't be trained on token ids: {reason(error)}") from error
    if different := why_different(doubled, 2 * before):
        raise UserError(f"model.base: {name} can't be calibrated, its last layer is not linear: {different}")
    unreached = [
        (name, weight) for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None
    ]
    for _, parameter in unreached:
        parameter.requires_grad_(False)
    if unreached:
        note(
            f"{len(unreached)} trainable weights are never used for a text, as {unreached[0][0]}: they stay as they are"
        )
    model.zero_grad()

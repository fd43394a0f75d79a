"""Build, load and run a text classifier on a frozen base model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import PeftModel
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from stages.common.errors import UserError
from stages.common.memory import keep_freed_memory
from stages.common.tokenizer import load_tokenizer


def load_base(
    folder: Path, labels: list[str], load_in_4bit: bool = False, write_out: bool = True
) -> tuple[PreTrainedModel, list[str]]:
    """Load the base model in float32 with a classification head for `labels`, and no dropout in it.

    Dropout in frozen layers costs half of a training step on a CPU and keeps attention off its fast path; the
    adapters have their own.

    Args:
        load_in_4bit: round the linear weights of the blocks to 4 bits (NF4: Dettmers et al. 2023).
        write_out: hold what they are rounded to in float32, on the CPU. Otherwise they stay in 4 bits.

    Returns:
        The model, and the names of the modules of its head, which must be trained: those that the base has no weights
        for, and the pooler that some bases bring, which was made for another task.

    Raises:
        UserError: when the folder holds no model that classifies, or lacks weights inside its encoder, or when
            bitsandbytes, which 4 bits need, is not there.
    """
    keep_freed_memory()
    names = dict(enumerate(labels))
    try:
        config = AutoConfig.from_pretrained(
            folder, id2label=names, label2id={label: number for number, label in names.items()}, trust_remote_code=False
        )
        dropouts = {key: value for key, value in config.to_dict().items() if "drop" in key and isinstance(value, float)}
        for key in dropouts:
            setattr(config, key, 0.0)
        config.pad_token_id = load_tokenizer(folder).pad_token_id
        with quiet_transformers():
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # a head for other labels is not an error: it is replaced
                quantization_config=in_four_bits(config) if load_in_4bit else None,
            )
            if load_in_4bit and write_out:
                model = model.dequantize().cpu()
    except ImportError as error:
        raise UserError(f"model.load_in_4bit: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"model.base: {folder} can't be loaded: {' '.join(str(error).split())}") from error
    for key, value in dropouts.items():  # what is exported can be trained on by others as usual
        setattr(model.config, key, value)
    new = [*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])]
    blocks_name, _ = find_blocks(model)
    inside = sorted(key for key in new if key.startswith(blocks_name))
    if inside:
        raise UserError(f"model.base: {folder} has no weights for {len(inside)} parts of its encoder, as {inside[0]}")
    poolers = [key for key, _ in model.named_parameters() if ".pooler." in key]
    return model, whole_modules(model, [*poolers, *new])


def in_four_bits(config: PreTrainedConfig) -> BitsAndBytesConfig:
    """Return how to load a base model with the blocks' linear weights, and no others, in 4 bits."""
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    blocks_name, _ = find_blocks(model)
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        llm_int8_skip_modules=[name for name in linear if not name.startswith(blocks_name)],  # despite its name
    )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep the loading report and its progress bar off the screen: what it says is checked here instead."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def whole_modules(model: torch.nn.Module, parameters: list[str]) -> list[str]:
    """Return the names of the largest modules all of whose parameters are among `parameters`, in order."""
    new = set(parameters)
    found: list[str] = []
    for name, module in model.named_modules():
        inner = {f"{name}.{parameter}" for parameter, _ in module.named_parameters()}
        if name and inner and inner <= new and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    return found


def find_blocks(model: PreTrainedModel) -> tuple[str, torch.nn.ModuleList]:
    """Return the name and the list of the base model's transformer blocks, lowest first.

    Raises:
        UserError: when the architecture doesn't keep them in one list.
    """
    wanted = model.config.num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted:
            return name, module
    raise UserError(f"model.base: {type(model).__name__} does not keep its {wanted} blocks in one list")


def load_adapter(base_folder: Path, adapter_dir: Path, labels: list[str], load_in_4bit: bool = False) -> PeftModel:
    """Load a trained adapter and its head onto a fresh base model, in float32 and ready to predict."""
    base, _ = load_base(base_folder, labels, load_in_4bit)
    return PeftModel.from_pretrained(base, str(adapter_dir)).eval()


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

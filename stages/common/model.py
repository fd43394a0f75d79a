"""Build, load and run a text classifier on a frozen base model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging

from stages.common.blocks import find_blocks
from stages.common.errors import UserError, machine_limit
from stages.common.memory import keep_freed_memory
from stages.common.padding import padding_changes_logits, run_by_length
from stages.common.probe import note, text_config
from stages.common.tokenizer import load_tokenizer

LFS_POINTER = b"version https://git-lfs"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


def load_base(
    folder: Path, labels: list[str], load_in_4bit: bool = False, write_out: bool = True
) -> tuple[PreTrainedModel, list[str]]:
    """Load the base model in float32 with a classification head for `labels`, and no dropout in it.

    Dropout in frozen layers costs half of a training step on a CPU; the adapters have their own.

    Args:
        load_in_4bit: round the linear weights of the blocks to 4 bits (NF4: Dettmers et al. 2023).
        write_out: hold what they are rounded to in float32, on the CPU. Otherwise they stay in 4 bits.

    Returns:
        The model, and the names of the modules of its head, which must be trained: those that are not in the base,
        those that it has no weights for, and the pooler that some bases bring, which was made for another task.

    Raises:
        UserError: when the folder holds no such model or lacks weights inside, or bitsandbytes is not there.
    """
    keep_freed_memory()
    check_weights(folder)
    with quiet_transformers(), failures_in_one_line(folder, load_in_4bit):
        config = classifier_config(folder, labels)
        dropouts = switch_off_dropout(config)
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
    check_embeddings(model)
    for part, key, value in dropouts:  # what is exported can be trained on by others as usual
        setattr(part_of(model.config, part), key, value)
    model.register_forward_hook(keep_logits)
    run_without_padding(model)
    new = [*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])]
    return model, find_head(model, new, folder)


def check_weights(folder: Path) -> None:
    """Raise UserError unless the folder's weights are whole safetensors: pickles can run code, and are not read."""
    files = sorted(folder.glob("*.safetensors"))
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not files and pickles:
        raise UserError(
            f"model.base: {folder} has its weights in {pickles[0]} alone, which can run code and is not read; convert "
            f"it: python -c \"from transformers import AutoModel; AutoModel.from_pretrained('{folder}')"
            ".save_pretrained('NEW')\", and copy the tokenizer's files there"
        )
    for path in files:
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise UserError(f"model.base: {path} is a pointer of Git LFS, not weights: run `git lfs pull` there")
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            raise UserError(f"model.base: {path} is damaged or cut short, fetch it again: {error}") from error


def check_embeddings(model: PreTrainedModel) -> None:
    """Raise UserError unless each token id has an embedding in a table: CANINE hashes characters, for one."""
    try:
        table = model.get_input_embeddings()
    except NotImplementedError:
        table = None
    if not isinstance(table, torch.nn.Module):
        raise UserError(
            f"model.base: {type(model).__name__} has no table of embeddings by token id: choose another base"
        )


def classifier_config(folder: Path, labels: list[str]) -> PreTrainedConfig:
    """Return the base's configuration for these labels, as this pipeline runs it.

    It has no key-value cache, which classifying never reads and ONNX would give as outputs; one loss for every base;
    and full attention in place of BigBird's sparse one, which depends on the other texts of a batch.
    """
    names = dict(enumerate(labels))
    config = AutoConfig.from_pretrained(
        folder, id2label=names, label2id={label: number for number, label in names.items()}, trust_remote_code=False
    )
    config.problem_type = None
    tokenizer = load_tokenizer(folder)
    for part in (config, text_config(config)):
        part.pad_token_id = tokenizer.pad_token_id
        if hasattr(part, "use_cache"):
            part.use_cache = False
    if getattr(config, "attention_type", None) == "block_sparse":
        config.attention_type = "original_full"
        note("attention is full, not in sparse blocks, which would depend on the other texts of a batch")
    return config


def switch_off_dropout(config: PreTrainedConfig) -> list[tuple[str, str, float]]:
    """Set every dropout of a configuration, and of those in it, to zero; return where each was, and what it was."""
    inner = [name for name, value in vars(config).items() if isinstance(value, PreTrainedConfig)]
    found = [
        (part, key, value)
        for part in ("", *inner)
        for key, value in part_of(config, part).to_dict().items()
        if "drop" in key and isinstance(value, float)
    ]
    for part, key, _ in found:
        setattr(part_of(config, part), key, 0.0)
    return found


def part_of(config: PreTrainedConfig, name: str) -> PreTrainedConfig:
    return getattr(config, name) if name else config


def keep_logits(_module: Any, _inputs: Any, output: dict[str, Any]) -> Any:
    """Leave out what some models give beside loss and logits, such as the encoder's states."""
    kept = {name: output[name] for name in ("loss", "logits") if name in output}
    return kept if type(output) is dict else SequenceClassifierOutput(**kept)  # a dict while it is traced for ONNX


def run_without_padding(model: PreTrainedModel) -> None:
    """See to it that padding changes no logits; a model that can't run at all is refused where it is trained."""
    try:
        changed = padding_changes_logits(model)
    except Exception:
        return
    if changed:
        run_by_length(model)
        note(f"the logits of {type(model).__name__} depend on padding: texts of one length run together, without any")


def find_head(model: PreTrainedModel, new: list[str], folder: Path) -> list[str]:
    """Return the names of the modules that must be trained, and refuse a base that lacks others."""
    inner = f"{model.base_model_prefix}." if model.base_model is not model else ""
    outside = [key for key, _ in model.named_parameters() if not key.startswith(inner)]
    poolers = [key for key, _ in model.named_parameters() if ".pooler." in key]
    blocks = find_blocks(model)
    embedding = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
    embeddings = {key for key, parameter in model.named_parameters() if id(parameter) in embedding}
    inside = sorted(key for key in new if blocks.contain(key) or key in embeddings)
    if inside:
        raise UserError(f"model.base: {folder} has no weights for {len(inside)} parts of its encoder, as {inside[0]}")
    return whole_modules(model, [*poolers, *outside, *new])


def in_four_bits(config: PreTrainedConfig) -> BitsAndBytesConfig:
    """Return how to load a base model with the blocks' linear weights, and no others, in 4 bits."""
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    blocks = find_blocks(model)
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        llm_int8_skip_modules=[name for name in linear if not blocks.contain(name)],  # despite its name
    )


@contextmanager
def failures_in_one_line(folder: Path, load_in_4bit: bool) -> Iterator[None]:
    """Raise a UserError in place of what transformers raises when a folder holds no model for it."""
    try:
        yield
    except ImportError as error:
        key = "model.load_in_4bit" if load_in_4bit else f"model.base: {folder} needs a library"
        raise UserError(f"{key}: {' '.join(error.msg.split())}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        if machine_limit(error):
            raise
        raise UserError(f"model.base: {folder} can't be loaded: {' '.join(str(error).split())}") from error


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


def load_adapter(base_folder: Path, adapter_dir: Path, labels: list[str], load_in_4bit: bool = False) -> PeftModel:
    """Load a trained adapter and its head onto a fresh base model, in float32 and ready to predict."""
    base, _ = load_base(base_folder, labels, load_in_4bit)
    return PeftModel.from_pretrained(base, str(adapter_dir)).eval()


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


def save_adapter(model: PeftModel, folder: Path, base: str) -> None:
    """Save adapter and head as PEFT does, naming the base model as params.yaml does rather than by a local path.

    A model of the Hub is named as PEFT finds it there.
    """
    saved = model.peft_config["default"]
    saved.base_model_name_or_path = base
    if base.startswith("hub:"):
        saved.base_model_name_or_path, _, saved.revision = base.removeprefix("hub:").partition("@")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config_path = folder / "adapter_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    for name, value in config.items():  # PEFT keeps some lists as sets, which have no order
        if isinstance(value, list):
            config[name] = sorted(value)
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")

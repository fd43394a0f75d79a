"""Files between the stages, of a stage that is run by hand."""

from pathlib import Path

from bad_inputs import Break, Case, both, cut, remove, set_params, write

PREPARED, TOKENIZED, ADAPTER = "data/prepared", "data/tokenized", "models/adapter"


def case(name: str, broken: str, how: Break, line: str, command: str) -> Case:
    lines, locks = [f"{line}: `dvc repro` makes it anew"], (".dvc/tmp/*",)
    return Case(f"between-{name}", broken, how, lines, command, leaves=locks)


def narrow_base(folder: Path) -> None:
    """Save a base model whose layers are narrower than those that the adapter was trained on."""
    from tiny import save_tokenizer
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model("bert", vocab_size=2100, hidden_size=16, num_hidden_layers=3, num_attention_heads=2)
    AutoModel.from_config(config).save_pretrained(folder / "narrow")
    save_tokenizer(folder / "narrow")


CASES = [
    case(
        "parquet-garbage",
        "a prepared split that is no parquet file",
        write(f"{PREPARED}/train.parquet", "text,label\n"),
        "data/prepared/train.parquet: not what prepare-data left (ArrowInvalid: …)",
        "stages.tokenize",
    ),
    case(
        "parquet-cut",
        "a prepared split that is cut short",
        cut(f"{PREPARED}/test.parquet", 0.9),
        "data/prepared/test.parquet: not what prepare-data left (ArrowInvalid: …)",
        "stages.tokenize",
    ),
    case(
        "labels-missing",
        "no names of the classes",
        remove(f"{PREPARED}/labels.json"),
        "data/prepared/labels.json: not what prepare-data left (FileNotFoundError: …)",
        "stages.tokenize",
    ),
    case(
        "labels-others",
        "names of other classes",
        write(f"{PREPARED}/labels.json", '["no", "yes"]'),
        "data/prepared/labels.json: not what prepare-data left (KeyError: …)",
        "stages.tokenize",
    ),
    case(
        "arrow-cut",
        "a tokenized split that is cut short",
        cut(f"{TOKENIZED}/train.arrow", 0.5),
        "data/tokenized/train.arrow: not what tokenize left (OSError: …)",
        "stages.train_lora",
    ),
    case(
        "arrow-empty",
        "an empty tokenized split",
        write(f"{TOKENIZED}/validation.arrow", ""),
        "data/tokenized/validation.arrow: not what tokenize left (ArrowInvalid: …)",
        "stages.train_lora",
    ),
    case(
        "adapter-cut",
        "an adapter that is cut short",
        cut(f"{ADAPTER}/adapter_model.safetensors", 0.9),
        "models/adapter/adapter_model.safetensors: not what train-lora left (SafetensorError: …)",
        "stages.evaluate",
    ),
    case(
        "adapter-config",
        "no configuration of the adapter",
        remove(f"{ADAPTER}/adapter_config.json"),
        "models/adapter/adapter_config.json: not what train-lora left (ValueError: …)",
        "stages.evaluate",
    ),
    case(
        "other-base",
        "an adapter of another base model",
        both(narrow_base, set_params(**{"model.base": "narrow"})),
        "what tokenize left: made with another model.base (RuntimeError: …)",
        "stages.evaluate",
    ),
    case(
        "metrics-garbage",
        "metrics that are no JSON",
        write("metrics/tokenize.json", "garbage"),
        "metrics/tokenize.json: not what tokenize left (JSONDecodeError: …)",
        "stages.evaluate",
    ),
    case(
        "metrics-others",
        "metrics without what is read",
        write("metrics/evaluate.json", "{}"),
        "metrics/evaluate.json: not what evaluate left (KeyError: 'temperature')",
        "stages.export",
    ),
    case(
        "errors-garbage",
        "suspected label errors that are no table",
        write("data/evaluation/label_errors.csv", "garbage"),
        "data/evaluation/label_errors.csv: not what evaluate left (KeyError: 'split')",
        "start.correct",
    ),
]

"""The schema of params.yaml: every key, its type and what is allowed.

It only accepts or rejects: no key has a default here, and nothing is changed on the way in. That is why no stage
depends on this file, and why a new key in one section re-runs only the stages that read that section.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.errors import MissingInput, UserError

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Names = Annotated[list[Text], Field(min_length=1)]


def _several_classes(labels: dict) -> dict:
    if len(set(labels.values())) < 2:
        raise ValueError("must name at least two classes")
    return labels


Labels = Annotated[dict[str | int | bool | float, Text], AfterValidator(_several_classes)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataParams(Section):
    source: Text | Names  # references, see references.py
    filter: Text | None  # rows to keep, as a pandas query over the columns of the source
    text_column: Text
    label_column: Text
    labels: Labels | None  # value in the file: class name; null takes the values as names
    near_duplicate_similarity: Annotated[
        float, Field(gt=0, le=1)
    ]  # shared word 5-grams, a fraction of the shorter text
    split: Literal["blocked", "random"]
    block_rows: Count  # neighbouring rows of one label that `blocked` keeps in one split
    train_rows: Count | None  # null takes all that validation and test leave
    validation_rows: Count
    test_rows: Count
    seed: Seed


class ModelParams(Section):
    base: Text  # a reference, see references.py
    load_in_4bit: bool  # the blocks' linear weights as NF4, through bitsandbytes: arxiv.org/abs/2305.14314


class TokenizeParams(Section):
    max_length: Annotated[int, Field(ge=8)]  # tokens, special ones included
    truncation: Literal["head", "tail", "head_tail"]  # which end of a longer text is kept
    head_fraction: Fraction  # of the tokens kept, with head_tail


class LoraParams(Section):
    r: Count  # rank: A is (r, d_in), B is (d_out, r)
    alpha: Positive  # the update is scaled by alpha / r
    dropout: Annotated[float, Field(ge=0, lt=1)]  # on the adapters' input
    target_modules: Literal["auto", "all-linear"] | Names  # auto: the query and value projections
    layers: (
        Literal["all"] | Count | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    )  # last N, or which
    rank_stabilized: bool  # scale by alpha / sqrt(r): arxiv.org/abs/2312.03732
    dora: bool  # weight-decomposed updates: arxiv.org/abs/2402.09353
    init: Literal["default", "gaussian", "orthogonal", "pissa", "olora"]


class TrainParams(Section):
    epochs: Count
    batch_size: Count  # texts per optimizer step, over all processes
    max_batch_tokens: Count | None  # padded tokens per optimizer step, in place of batch_size
    learning_rate: Positive
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial"]
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)]  # of all optimizer steps
    weight_decay: NonNegative
    max_grad_norm: Positive
    evaluations_per_epoch: Count  # passes over the validation split, each a candidate for the best adapter
    early_stopping_patience: Count | None  # evaluations without a lower validation loss; null never stops early
    logging_steps: Count  # optimizer steps
    dtype: Literal["auto", "float32", "bfloat16"]
    launcher: Text | None  # what to start this stage under, as torchrun --nproc-per-node 2
    prefix_cache_gb: NonNegative  # gigabytes of stored output of the blocks below the adapters; 0 stores none
    seed: Seed


class EvaluateParams(Section):
    batch_size: Count
    resamples: Annotated[int, Field(ge=100)]  # of the test rows, behind the confidence intervals
    slices: list[Text]  # columns of the data by whose values the test split is judged in parts
    seed: Seed  # decides the resamples, and the folds in which label errors are looked for


class ExportParams(Section):
    onnx: bool  # ONNX models and the program that runs them
    max_logit_difference: Positive  # of the adapter, the merged model and ONNX float32 from the trained model
    max_int8_accuracy_lost: NonNegative  # on the validation split; more than that beyond chance stops the stage


class Params(Section):
    data: DataParams
    model: ModelParams
    tokenize: TokenizeParams
    lora: LoraParams
    train: TrainParams
    evaluate: EvaluateParams
    export: ExportParams


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check all of params.yaml.

    Raises:
        UserError: listing every mistake in every section, each with its dotted key, its value and what is allowed.
    """
    if not path.exists():
        raise MissingInput(f"{path} is not there: run in the repository's root")
    try:
        content = YAML(typ="safe").load(path)  # YAML 1.2, as DVC reads it: 1e-4 is a number
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        mistakes = _describe(error, content)
        raise UserError("\n  ".join([f"{path} must be mended ({len(mistakes)} found):", *mistakes])) from None


def _describe(error: ValidationError, content: Any) -> list[str]:
    """Return one line a key: its dotted name, what is allowed, and what was found."""
    allowed: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for item in error.errors():
        keys, value = [], content
        for key in item["loc"]:  # of a union, pydantic adds the names of its members: they are no keys
            if isinstance(value, dict) and (key in value or item["type"] == "missing"):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int):
                value = value[key]
            else:
                continue
            keys.append(str(key))
        name = ".".join(keys) or "the file"
        if item["type"] == "extra_forbidden":
            rule = "unknown key, remove it or correct its name"
        elif item["type"] == "missing":
            rule = "missing key, add it"
        else:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            found[name] = f"; however: {value!r}"
        if rule not in allowed.setdefault(name, []):
            allowed[name].append(rule)
    return sorted(f"{name}: {' or '.join(rules)}{found.get(name, '')}" for name, rules in allowed.items())

"""The schema of params.yaml: every key, its type and what is allowed.

It only accepts or rejects: no key has a default here, and nothing is changed on the way in. That is why no stage
depends on this file, and why a new key in one section re-runs only the stages that read that section.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stages.common.params_file import check_params, read_params
from stages.common.params_values import (
    BatchSize,
    Block,
    ClassWeights,
    Command,
    Count,
    Encoding,
    Fraction,
    Init,
    Labels,
    Names,
    NonNegative,
    Positive,
    Seed,
    Separator,
    SourceOfSplits,
    Text,
)


class Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataParams(Section):
    source: Text | Names | SourceOfSplits
    """Where the rows are: `package:NAME/PATH`, `hub:OWNER/NAME@COMMIT` or a path in that, a path or pattern, or a list
    of these; or such for each of `train`, `validation` and `test`, where the splits are given."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None
    """The character between the fields of csv files; null finds it, and says so where it isn't the suffix's."""
    quoting: bool
    """Whether fields of csv files may stand in double quotes; false takes a quote as a letter like any other."""
    column_names: Names | None
    """The names of the columns, for csv and Excel files whose first line is a row; null takes that line for them."""
    class_folders: bool
    """Whether the source is folders that hold a folder for each label, and in it a file for each text. The columns are
    then `text`, `label` and `file`."""
    encoding: Encoding | None
    """How the characters of text files are encoded, such as `cp1252`; null is UTF-8, or what a byte-order mark says."""
    filter: Text | None
    """Rows to keep, by a condition on the columns such as `stars != 3 and source in ["imdb"]`; null keeps all. Allowed
    are columns, texts, numbers, comparisons, `in`, `and`, `or`, `not`, parentheses and a few functions."""
    text_column: Text
    """The column with the text."""
    text_pair_column: Text | None
    """The column with the second text, where a row is a pair of texts, such as a question and an answer."""
    label_column: Text
    """The column with the label."""
    labels: Labels | None
    """Value in the file and the class it means, in the order of the classes; null takes the sorted values."""
    multi_label: bool
    """Whether a row may have any number of labels: a list, or one text with `label_separator` between them. An empty
    label is a row without any."""
    label_separator: Separator | None
    """What stands between the labels of a row, such as `;`; null where they are lists, also as Python or JSON write
    them."""
    rare_classes: Literal["refuse", "drop", "merge"]
    """What happens to classes with fewer than three rows, which can't be in every split: `merge` makes one of them,
    called `other`."""
    group_column: Text | None
    """The column that says which rows belong together, such as a user or a film: their rows are never in two splits."""
    split_column: Text | None
    """The column that names the split of each row, where the splits are given; what isn't given is cut from train."""
    time_column: Text | None
    """The column with a date, a time or a number by which test gets the latest rows, and validation those before."""
    copies_across_splits: Literal["drop", "keep"]
    """Of given splits, whether rows of train (and validation) that are in another one too are dropped."""
    near_duplicate_similarity: Annotated[float, Field(gt=0, le=1)]
    """Two texts are copies when they share this fraction of the shorter one's word 5-grams."""
    split: Literal["blocked", "random"]
    """`blocked` keeps neighbouring rows of a label in one split, `random` doesn't."""
    block_rows: Count
    """How many neighbours `blocked` keeps together."""
    train_rows: Count | None
    """Rows to train on; null takes all that validation and test leave."""
    validation_rows: Count | None
    """Rows that the best evaluation and the temperature are chosen on; null takes all of a given split."""
    test_rows: Count | None
    """Rows that the model is judged on; null takes all of a given split."""
    seed: Seed
    """Decides which rows go where."""


class ModelParams(Section):
    base: Text
    """The base model: a reference, as for `data.source`."""
    load_in_4bit: bool
    """Round the linear weights of the base's blocks to 4 bits (NF4, arxiv.org/abs/2305.14314); on a GPU they stay in
    them while training."""


class TokenizeParams(Section):
    max_length: Annotated[int, Field(ge=8, le=1_000_000)]
    """Tokens kept of a text, special ones included."""
    truncation: Literal["head", "tail", "head_tail"]
    """Which part of a longer text is kept: its start, its end, or both."""
    head_fraction: Fraction
    """With `head_tail`, how much of what is kept comes from the start."""
    long_texts: Literal["truncate", "windows"]
    """What happens to texts of more than `max_length` tokens: they are truncated, or read in windows of that length."""
    window_overlap: Annotated[float, Field(ge=0, le=0.9)]
    """How much of a window it shares with the one before."""
    max_windows: Annotated[int, Field(ge=1, le=10_000)]
    """Windows of a text, at most; `truncation` says what is kept of one that needs more."""
    window_pooling: Literal["mean", "surest"]
    """How one answer is made of those of a text's windows: by the mean of their logits, or by the window whose
    likeliest class is furthest ahead."""


class LoraParams(Section):
    r: Annotated[int, Field(ge=1, le=10_000)]
    """Rank of the adapters: A is (r, inputs), B is (outputs, r)."""
    alpha: Annotated[float, Field(gt=0, le=1_000_000)]
    """The update is scaled by alpha / r."""
    dropout: Annotated[float, Field(ge=0, lt=1)]
    """Dropout on the adapters' input; the frozen base has none."""
    target_modules: Literal["auto", "all-linear"] | Names | Text
    """Which modules get adapters: `auto` is the query and value projections, `all-linear` every linear layer of the
    blocks; or names; or a regular expression for whole names."""
    layers: Literal["all"] | Annotated[int, Field(ge=1, le=1000)] | Annotated[list[Block], Field(min_length=1)]
    """Which blocks get adapters: `all`, a number (the last so many), or a list of blocks from 0."""
    rank_stabilized: bool
    """Scale by alpha / √r instead (arxiv.org/abs/2312.03732)."""
    dora: bool
    """Weight-decomposed adapters (DoRA, arxiv.org/abs/2402.09353)."""
    init: Init
    """How the adapters' weights begin: `default`, `gaussian`, `orthogonal`, `pissa`, `pissa_niter_N` or `olora`."""
    rank_pattern: dict[Text, Count]
    """Other ranks for some modules: the end of their names, or a regular expression for it, and the rank."""
    alpha_pattern: dict[Text, Positive]
    """Other alphas for some modules, likewise."""

    @field_validator("init")
    @classmethod
    def _fits_the_rank(cls, init: str, info: ValidationInfo) -> str:
        if init == "orthogonal" and info.data.get("r", 0) % 2:
            raise ValueError(f"orthogonal goes with an even lora.r, not with {info.data['r']}")
        return init


class TrainParams(Section):
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """Passes over the train split."""
    batch_size: BatchSize
    """Texts per optimizer step, over all processes."""
    max_batch_tokens: Count | None
    """Padded tokens per optimizer step, in place of `batch_size`; null for none."""
    learning_rate: Annotated[float, Field(gt=0, le=1000)]
    """Peak of the learning rate."""
    class_weights: Literal["balanced"] | ClassWeights | None
    """Weights of the classes in the loss: null is 1 each, `balanced` gives every class the same total; or each class
    and its weight. They are scaled so that a row weighs 1 on average."""
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial"]
    """Shape of the learning rate after its rise."""
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)]
    """Fraction of the optimizer steps in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0, le=100)]
    """AdamW's decay."""
    max_grad_norm: Positive
    """Gradients are clipped to this norm."""
    evaluations_per_epoch: Annotated[int, Field(ge=1, le=10_000)]
    """How often the model is judged on the validation split; the adapter of the best evaluation is kept."""
    best_metric: Literal["validation_loss", "f1_macro"]
    """Which evaluation is the best, whose adapter is kept: the lowest validation loss, weighted as in
    training, or the highest macro F1."""
    early_stopping_patience: Count | None
    """Stop after so many evaluations that are not better than the best; null never stops early."""
    logging_steps: Count
    """Optimizer steps between two entries of the loss history, and between two checkpoints."""
    dtype: Literal["auto", "float32", "bfloat16"]
    """Number format of the products; `auto` is bfloat16 where the processor multiplies it natively, else float32."""
    prefix_cache_gb: Annotated[float, Field(ge=0, le=1_000_000)]
    """Bound on the stored output of the frozen blocks, in gigabytes; 0 stores none."""
    launcher: Command | None
    """A command to start training under, such as `torchrun --nproc-per-node 2`. It is run as it stands."""
    seed: Seed
    """Decides the head's initial weights, the order of batches and the dropout."""


class EvaluateParams(Section):
    batch_size: BatchSize
    """Texts per batch."""
    resamples: Annotated[int, Field(ge=100, le=1_000_000)]
    """Bootstrap resamples of the test rows behind the confidence intervals."""
    slices: list[Text]
    """Columns of the data to report accuracy by, beside length, truncation and label."""
    seed: Seed
    """Decides the resamples, and the folds in which label errors are looked for."""


class ExportParams(Section):
    onnx: bool
    """Write ONNX models and the program that runs them."""
    max_logit_difference: Positive
    """How far a logit of the reloaded, the merged and the ONNX model may be from the trained one's."""
    max_int8_accuracy_lost: NonNegative
    """How much accuracy the int8 model may lose on the validation split, chance allowed for."""


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
    return check_params(Params, read_params(path), path)


def as_markdown() -> str:
    """Return docs/params.md: every key with what is allowed and what it means."""
    lines = [
        "# The params",
        "",
        "Made by `make docs` from `stages/common/params.py`. Every key of `params.yaml` must be there. A mistake stops",
        "the pipeline before a stage does any work, and all mistakes are named at once.",
    ]
    whole = Params.model_json_schema()
    for section, reference in whole["properties"].items():
        lines += ["", f"## {section}", "", "| param | allowed | meaning |", "| --- | --- | --- |"]
        fields = whole["$defs"][reference["$ref"].rpartition("/")[2]]["properties"]
        for name, schema in fields.items():
            meaning = " ".join(schema["description"].split())
            lines.append(f"| `{section}.{name}` | {_allowed(schema)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _allowed(schema: dict[str, Any]) -> str:
    """Return what a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(map(_allowed, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema["type"] == "array":
        return f"a list of {_allowed(schema['items'])}"
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = [f"{word} {schema[name]:,}" for name, word in words.items() if name in schema]
    named = "names" if schema.get("additionalProperties", {}).get("type") == "string" else "numbers"
    names = {"object": f"values and {named}", "string": "text", "boolean": "`true`, `false`"}
    return " ".join([names.get(schema["type"], schema["type"]), *limits])


if __name__ == "__main__":
    print(as_markdown(), end="")

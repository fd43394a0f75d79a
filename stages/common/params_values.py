"""The kinds of values that params take: numbers within bounds, names, and what pydantic can't say by itself."""

import codecs
import re
import shlex
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1, le=10**9)]  # bounds are where more can only be a slip, and would hang or overflow
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
BatchSize = Annotated[int, Field(ge=1, le=100_000)]
Block = Annotated[int, Field(ge=0, le=1000)]  # no model has so many
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Names = Annotated[list[Text], Field(min_length=1)]

INITS = ("default", "gaussian", "orthogonal", "pissa", "olora")
UNSUPPORTED_INITS = {  # of PEFT's
    "eva": "reads the training texts before the adapters are made, which this pipeline doesn't",
    "corda": "reads the training texts before the adapters are made, which this pipeline doesn't",
    "lora_ga": "takes gradients of the training texts before the adapters are made, which this pipeline doesn't",
    "loftq": "rounds the base itself, for which there is model.load_in_4bit",
    "mica": "freezes half of each adapter, which the fused adapters don't know",
}


def classes(labels: dict) -> dict:
    if len(set(labels.values())) < 2:
        raise ValueError("must name at least two classes")
    if wrong := [name for name in labels.values() if not name.isprintable() or name != name.strip()]:
        raise ValueError(f"a class's name must be one line, with no space around it, unlike {wrong[0]!r}")
    whole = [int(value) if isinstance(value, float) and value.is_integer() else value for value in labels]
    written = {str(value).strip() for value in whole if value == value}
    if len(written) < len(labels) or "" in written:
        raise ValueError("a value must be there once, and not be empty: 1, 1.0 and '1' are one value")
    return labels


def separator_of_labels(separator: str, info: ValidationInfo) -> str:
    if info.data.get("multi_label") is False:
        raise ValueError("goes with multi_label: true")
    return separator


def command(launcher: str) -> str:
    try:
        words = shlex.split(launcher)
    except ValueError:
        raise ValueError("a command with a quote that is not closed") from None
    if not words or not launcher.isprintable():
        raise ValueError("a command, on one line")
    return launcher


def known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError("must be the name of an encoding that Python knows, such as utf-8 or cp1252") from None
    return name


def with_train(source: dict) -> dict:
    if "train" not in source or len(source) < 2:
        raise ValueError("of splits, train and one of validation and test must be named")
    return source


def known_init(name: str) -> str:
    if name in UNSUPPORTED_INITS:
        raise ValueError(f"{name} {UNSUPPORTED_INITS[name]}; must be one of {', '.join(INITS)} or pissa_niter_N")
    if name not in INITS and not re.fullmatch(r"pissa_niter_\d+", name):
        raise ValueError(f"must be one of {', '.join(INITS)} or pissa_niter_N")
    return name


Init = Annotated[str, AfterValidator(known_init)]
Encoding = Annotated[str, AfterValidator(known_encoding)]
Command = Annotated[Text, AfterValidator(command)]
Separator = Annotated[Text, AfterValidator(separator_of_labels)]
SourceOfSplits = Annotated[dict[Literal["train", "validation", "test"], Text | Names], AfterValidator(with_train)]
Labels = Annotated[dict[str | int | bool | float, Text], AfterValidator(classes)]
ClassWeights = Annotated[dict[str | int | bool | float, Positive], Field(min_length=1)]

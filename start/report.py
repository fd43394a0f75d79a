"""Print what was found in the data."""

import io
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from stages.common.params import Params
from stages.common.references import resolve_model
from stages.common.text_columns import text_columns
from stages.common.tokenizer import TextEncoder
from stages.prepare_data.bad_rows import shown

CLASSES_SHOWN = 15
MUCH_UNKNOWN = 0.2  # of the tokens
MUCH_CUT = 0.1  # of the texts


def describe_columns(paths: list[Path], rows: pd.DataFrame, text: str, label: str, encoding: str | None) -> None:
    print(f"files: {shown([str(path) for path in paths])}; encoding: {encoding or 'UTF-8, or as the file says'}")
    print(f"columns: {shown(list(rows.columns), 20)}")
    example = " ".join(str(rows[text].iloc[0]).split())[:60] if len(rows) else ""
    print(f"text: {text} (such as {example!r}); label: {label}")


def describe_classes(of_rows: pd.Series, labels: list[str]) -> None:
    """Say how many rows have each class; `of_rows` are the labels of all rows."""
    counts = of_rows.value_counts()
    listed = [f"{label} {counts[label]:,}" for label in counts.index]
    print(f"classes: {len(labels)}, {shown(listed, CLASSES_SHOWN)}")
    if counts.max() > 10 * counts.min():
        print("the classes differ much in size: consider train.class_weights: balanced")


def describe_lengths(sample: pd.DataFrame, params: Params) -> float:
    """Say how long texts are in tokens, how many are cut, and how much the base model knows; return what it doesn't."""
    texts = [sample[name].tolist() for name in text_columns(sample)]
    encoder = TextEncoder(resolve_model(params.model.base, "model.base"), params.tokenize, pairs=len(texts) == 2)
    windows, counts = encoder.encode(*texts)
    lengths = np.array(counts["num_tokens"])
    cut = float((np.array(counts["num_kept"]) < lengths).mean())
    middle, long = np.percentile(lengths, [50, 95])
    bound = "max_windows" if params.tokenize.long_texts == "windows" else "max_length"
    print(
        f"lengths: half of the texts have up to {middle:.0f} tokens, 95 % up to {long:.0f}; tokenize.{bound} "
        f"({getattr(params.tokenize, bound)}) cuts {cut:.0%} of them"
    )
    if cut > MUCH_CUT and bound == "max_length":
        print(
            "what is cut is not read: if it may decide, raise tokenize.max_length as far as the base takes it, or set "
            "tokenize.long_texts to windows, which reads all of it"
        )
    ids = [token for row in windows for window in row for token in window.ids]
    special = encoder.layout.num_special * sum(map(len, windows))
    unknown = ids.count(encoder.tokenizer.unk_token_id) / max(1, len(ids) - special)
    script = main_script(texts[0][:200])
    print(f"script: {script}; {unknown:.0%} of the tokens are unknown to {params.model.base}")
    if unknown > MUCH_UNKNOWN:
        print(f"WARNING: this base model does not know the language: set model.base to one that reads {script}")
    return unknown


def main_script(texts: list[str]) -> str:
    """Return the script of most letters, as their Unicode names begin: Latin, Thai, Cjk and so on."""
    letters = Counter(
        unicodedata.name(letter, "unknown").split()[0] for text in texts for letter in text[:500] if letter.isalpha()
    )
    return letters.most_common(1)[0][0].capitalize() if letters else "no letters"


def describe_splits(splits: dict[str, pd.DataFrame]) -> None:
    print("splits: " + ", ".join(f"{name} {len(splits[name]):,}" for name in ("train", "validation", "test")))


def lines_of(path: Path, changes: dict[str, dict[str, Any]]) -> str:
    """Return the lines of a params file that `changes`, by section, would change."""
    now = YAML(typ="safe").load(path)
    changed = {
        section: new
        for section, keys in changes.items()
        if (new := {key: value for key, value in keys.items() if key not in now[section] or now[section][key] != value})
    }
    stream = io.StringIO()
    YAML().dump(changed, stream)
    return stream.getvalue() if changed else "(nothing)\n"

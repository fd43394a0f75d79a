"""Choose texts that show what a model does."""

from pathlib import Path
from typing import Any

import numpy as np
from transformers import pipeline

from stages.common.label_sets import names_of
from stages.common.splits import read_prepared
from stages.common.text_columns import TEXT_COLUMNS, text_columns

LABELS_SHOWN = 5
WORDS = 3  # that a text has at least
SHOWN = 160  # characters


def classify_examples(
    folder: Path, prepared_dir: Path, labels: list[str], thresholds: np.ndarray | None, max_length: int
) -> list[dict[str, Any]]:
    """Return text (of pairs, text_pair too), label, the label that the model in `folder` gives and its probability: for
    each of the first labels the row of the test split with the shortest text, right or wrong, so that nobody chose it.

    Args:
        thresholds: of the labels, where a row may have several; then all that it is given are returned, and the
            probability is that of the one label.
    """
    table = read_prepared(prepared_dir, "test", [*TEXT_COLUMNS, "label"])
    names = text_columns(table)
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    examples: list[dict[str, Any]] = []
    for label in labels[:LABELS_SHOWN]:
        has = table["label"] == label if thresholds is None else [label in names_of(found) for found in table["label"]]
        rows = table.loc[has, names].to_dict("records")
        if rows:
            enough = [row for row in rows if len(row["text"].split()) >= WORDS]
            row = min(enough or rows, key=lambda row: len(row["text"]))
            read = row if len(names) == 2 else row["text"]
            answers = classify([read], truncation=True, max_length=max_length, top_k=None)[0]  # the likeliest first
            found = {answer["label"]: answer["score"] for answer in answers}
            given, probability = answers[0]["label"], answers[0]["score"]
            if thresholds is not None:
                reached = [name for name, least in zip(labels, thresholds, strict=True) if found[name] >= least]
                given, probability = ", ".join(reached) or "none", found[label]
            texts = {str(name): text if len(text) <= SHOWN else f"{text[:SHOWN]}…" for name, text in row.items()}
            examples.append({**texts, "label": label, "given": given, "probability": probability})
    return examples

"""Choose texts that show what a model does."""

from pathlib import Path
from typing import Any

from transformers import pipeline

from stages.common.splits import read_prepared
from stages.common.text_columns import TEXT_COLUMNS, text_columns

LABELS_SHOWN = 5
WORDS = 3  # that a text has at least
SHOWN = 160  # characters


def classify_examples(folder: Path, prepared_dir: Path, labels: list[str], max_length: int) -> list[dict[str, Any]]:
    """Return text (of pairs, text_pair too), label, the label that the model in `folder` gives and its probability: for
    each of the first labels the row of the test split with the shortest text, right or wrong, so that nobody chose it.
    """
    table = read_prepared(prepared_dir, "test", [*TEXT_COLUMNS, "label"])
    names = text_columns(table)
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    examples: list[dict[str, Any]] = []
    for label in labels[:LABELS_SHOWN]:
        rows = table.loc[table["label"] == label, names].to_dict("records")
        if rows:
            enough = [row for row in rows if len(row["text"].split()) >= WORDS]
            row = min(enough or rows, key=lambda row: len(row["text"]))
            (answer,) = classify([row if len(names) == 2 else row["text"]], truncation=True, max_length=max_length)
            texts = {str(name): text if len(text) <= SHOWN else f"{text[:SHOWN]}…" for name, text in row.items()}
            examples.append({**texts, "label": label, "given": answer["label"], "probability": answer["score"]})
    return examples

"""Choose texts that show what a model does."""

from pathlib import Path
from typing import Any

from transformers import pipeline

from stages.common.splits import read_prepared

LABELS_SHOWN = 5
WORDS = 3  # that a text has at least
SHOWN = 160  # characters


def classify_examples(folder: Path, prepared_dir: Path, labels: list[str], max_length: int) -> list[dict[str, Any]]:
    """Return text, label, the label that the model in `folder` gives and its probability: for each of the first labels
    the shortest text of the test split, right or wrong, so that nobody chose it."""
    table = read_prepared(prepared_dir, "test", ["text", "label"])
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    examples = []
    for label in labels[:LABELS_SHOWN]:
        texts = table.loc[table["label"] == label, "text"].tolist()
        if texts:
            text = min([text for text in texts if len(text.split()) >= WORDS] or texts, key=len)
            answer = classify(text, truncation=True, max_length=max_length)[0]
            text = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
            examples.append({"text": text, "label": label, "given": answer["label"], "probability": answer["score"]})
    return examples

"""Recognise a column in which rows have several labels."""

from typing import Any

import pandas as pd

from predict.label_lists import is_list, labels_in
from stages.prepare_data.label_lists import guess_separator
from stages.prepare_data.label_text import label_text


def several_labels(values: pd.Series) -> dict[str, Any]:
    """Return the keys of `data` that say how the labels of a row are written; none where rows have one each."""
    if values.map(is_list).any():
        return {"multi_label": True, "label_separator": None}
    separator = guess_separator(text for text in values.map(label_text).unique() if text)
    return {"multi_label": True, "label_separator": separator} if separator else {}


def count_labels(values: pd.Series) -> int:
    """Return how many different labels a column would have."""
    several = several_labels(values)
    if not several:
        return values.astype(str).nunique()
    found = (labels_in(value, several["label_separator"]) or [] for value in values if isinstance(value, str | list))
    return len({label_text(label) for labels in found for label in labels})

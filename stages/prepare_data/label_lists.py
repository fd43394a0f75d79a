"""Read several labels a row, as lists or as one separated text."""

from collections.abc import Iterable

import pandas as pd

from predict.label_lists import is_list, labels_in
from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import refuse
from stages.prepare_data.label_text import label_text

SEPARATORS = (";", "|", ",")  # that people put between labels


def separate_labels(rows: pd.DataFrame, params: DataParams) -> pd.Series:
    """Return every label of every row, as text, under the row's index; a row may have none.

    Raises:
        UserError: for rows whose labels can't be told apart.
    """
    values, separator = rows["label"], params.label_separator
    listed = values.map(is_list)
    if separator is not None:
        remedy = f"data.label_separator ({separator!r}) is for labels in one text: set it to null"
        refuse(rows, listed, "with a list of labels", remedy)
    found = [
        labels_in(value if is_a_list else label_text(value), separator)
        for value, is_a_list in zip(values, listed, strict=True)
    ]
    unreadable = pd.Series([labels is None for labels in found], index=rows.index)
    refuse(rows, unreadable, "with a list that can't be read", 'write it as JSON does: ["one", "another"]')
    texts = [[label_text(label) for label in labels or []] for labels in found]
    empty = pd.Series(["" in labels for labels in texts], index=rows.index)
    refuse(rows, empty, "with an empty label among others", "take it out; a row without labels is an empty cell or []")
    labels = pd.Series(texts, index=rows.index, dtype=object).explode().dropna().astype(str)
    if separator is None and params.labels is None:
        refuse_unseparated(labels)
    return labels


def refuse_unseparated(labels: pd.Series) -> None:
    names = labels.unique()
    separator = guess_separator(names)
    if separator:
        example = next(name for name in names if separator in name)
        raise UserError(
            f"data.label_separator: {example!r} looks like several labels: set it to {separator!r}, or name that class "
            "in data.labels if it is one"
        )


def guess_separator(names: Iterable[str]) -> str | None:
    """Return the separator that makes few labels of many texts, if one does."""
    whole = set(names)
    for separator in SEPARATORS:
        parts = {part.strip() for name in whole for part in name.split(separator)}
        if any(separator in name for name in whole) and len(parts) <= len(whole):
            return separator
    return None

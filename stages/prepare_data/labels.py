"""Turn label values into the names of classes."""

import re
import unicodedata

import numpy as np
import pandas as pd

from stages.common.errors import UserError, did_you_mean
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import ROWS_SHOWN, plural, refuse, shown

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
TRUTHS = {"true": "True", "false": "False"}


def name_labels(rows: pd.DataFrame, params: DataParams) -> list[str]:
    """Replace each label value by the name of its class and return the class names in order.

    Raises:
        UserError: for rows with a missing label, with several, or with one that `data.labels` doesn't name, for numbers
            that are no classes, for labels that differ in capitals alone, and when all have one label.
    """
    several = rows["label"].map(holds_several)
    refuse(rows, several, "with several labels", "this trains one label a row: keep one of them in data.label_column")
    values = rows["label"].map(label_text)
    refuse(rows, values == "", "without a label", "fill it in, or leave them out with data.filter")
    counts = values.value_counts()
    if params.labels is None:
        refuse_quantities(counts)
        refuse_variants(counts)
        labels = sorted(counts.index)
        rows["label"] = values
    else:
        names = {label_text(value): name for value, name in params.labels.items()}
        labels = list(dict.fromkeys(names.values()))
        unknown = ~values.isin(list(names))
        found = ", ".join(map(repr, values[unknown].unique()[:ROWS_SHOWN]))
        hint = did_you_mean(values[unknown].iloc[0], names) if unknown.any() else ""
        remedy = f"it names {shown(list(names), 20)}{hint}; name them too, or leave them out with data.filter"
        refuse(rows, unknown, f"with a label that data.labels does not name ({found})", remedy)
        rows["label"] = values.map(names)
    if rows["label"].nunique() < 2:
        raise UserError(f"all {len(rows):,} rows are labelled {rows['label'].iloc[0]}: a classifier needs two classes")
    if absent := [label for label in labels if label not in set(rows["label"])]:
        raise UserError(
            f"data.labels names {', '.join(absent)}, but no row has that label: remove it or check the data"
        )
    return labels


def label_text(value: object) -> str:
    """Return a label value in one form: 1, 1.0, "1.0" and "1 " are one label, and so are True and "true"."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT or value is pd.NA:
        return ""
    text = unicodedata.normalize("NFC", str(value)).strip()
    if NUMBER.fullmatch(text) and "." in text:
        return text.rstrip("0").rstrip(".")
    return TRUTHS.get(text.lower(), text)


def holds_several(value: object) -> bool:
    """Say whether a value is a list of labels, as a list or as Python or JSON would write one."""
    return isinstance(value, list | tuple | dict | set | np.ndarray) or (
        isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]")
    )


def refuse_quantities(counts: pd.Series) -> None:
    """Raise a UserError where all labels are numbers and some have fractions: those measure, and name no class."""
    fractions = [value for value in counts.index if "." in value]
    if fractions and all(NUMBER.fullmatch(value) for value in counts.index):
        raise UserError(
            f"data.label_column holds numbers with fractions ({shown(fractions)}), and predicting a number "
            "(regression) is not what this does: make classes of them, by naming each value's class in data.labels or "
            "in a new column"
        )


def refuse_variants(counts: pd.Series) -> None:
    """Raise a UserError where labels differ in capitals and spaces alone."""
    forms: dict[str, list[str]] = {}
    for value in counts.index:
        forms.setdefault(" ".join(value.casefold().split()), []).append(value)
    variants = [found for found in forms.values() if len(found) > 1]
    if variants:
        listed = [
            " and ".join(f"{value!r} ({plural(int(counts[value]), 'row')})" for value in found) for found in variants
        ]
        raise UserError(
            f"data.label_column holds labels that differ in capitals or spaces alone: {shown(listed)}; correct them, "
            "or name the class of each label in data.labels"
        )

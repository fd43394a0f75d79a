"""Turn label values into the names of classes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from predict.label_lists import is_list
from stages.common.errors import UserError, did_you_mean
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import ROWS_SHOWN, plural, refuse, shown
from stages.prepare_data.label_lists import separate_labels
from stages.prepare_data.label_text import NUMBER, label_text
from stages.prepare_data.row_labels import join_labels


def name_labels(rows: pd.DataFrame, params: DataParams) -> list[str]:
    """Replace each label value by the name of its class and return the class names in order.

    With `data.multi_label` the names of a row's classes become one text, see stages/common/label_sets.py.

    Raises:
        UserError: for rows with a missing label, with several, or with one that `data.labels` doesn't name, for numbers
            that are no classes, for labels that differ in capitals alone, and when all have one label.
    """
    values = separate_labels(rows, params) if params.multi_label else single_labels(rows)
    if params.labels is None:
        counts = values.value_counts()
        refuse_quantities(counts)
        refuse_variants(counts)
        labels = sorted(counts.index)
    else:
        values = class_names(rows, values, params.labels)
        labels = list(dict.fromkeys(params.labels.values()))
    if values.nunique() < 2:
        found = values.iloc[0] if len(values) else "with nothing"
        raise UserError(f"all {len(rows):,} rows are labelled {found}: a classifier needs two classes")
    if absent := sorted(set(labels) - set(values)):
        raise UserError(
            f"data.labels names {', '.join(absent)}, but no row has that label: remove it or check the data"
        )
    rows["label"] = join_labels(values, labels, rows.index) if params.multi_label else values
    return labels


def single_labels(rows: pd.DataFrame) -> pd.Series:
    """Return the label of each row as text."""
    remedy = "set data.multi_label to true, or keep one of them in data.label_column"
    refuse(rows, rows["label"].map(is_list), "with several labels", remedy)
    values = rows["label"].map(label_text)
    refuse(rows, values == "", "without a label", "fill it in, or leave them out with data.filter")
    return values


def class_names(rows: pd.DataFrame, values: pd.Series, classes: Mapping[Any, str]) -> pd.Series:
    """Return the class of each label value; the values stand under the index of their row."""
    names = {label_text(value): name for value, name in classes.items()}
    unknown = values[~values.isin(list(names))]
    found = ", ".join(map(repr, unknown.unique()[:ROWS_SHOWN]))
    hint = did_you_mean(unknown.iloc[0], names) if len(unknown) else ""
    remedy = f"it names {shown(list(names), 20)}{hint}; name them too, or leave them out with data.filter"
    bad = pd.Series(rows.index.isin(unknown.index), index=rows.index)
    refuse(rows, bad, f"with a label that data.labels does not name ({found})", remedy)
    return values.map(names)


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

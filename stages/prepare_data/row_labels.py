"""The labels of rows, whether each has one or several."""

from collections.abc import Sequence

import pandas as pd

from stages.common.errors import UserError
from stages.common.label_sets import JOINT, each_label
from stages.common.params import DataParams


def join_labels(labels: pd.Series, names: Sequence[str], index: pd.Index) -> pd.Series:
    """Return the labels of each row of `index` as one text, each label once.

    Args:
        labels: every label of every row, under the row's index.
        names: the class names in order.

    Raises:
        UserError: naming a class whose name has JOINT in it.
    """
    if wrong := [name for name in names if JOINT in name]:
        raise UserError(
            f"data.label_column: with several labels a row, a class's name must be without {JOINT}; however: "
            f"{wrong[0]!r}: set data.label_separator, or name it in data.labels"
        )
    order = {name: place for place, name in enumerate(names)}
    sets = labels.groupby(level=0).agg(lambda found: JOINT.join(sorted(set(found), key=order.__getitem__)))
    return sets.reindex(index, fill_value="")


def in_order(text: str, names: Sequence[str]) -> str | None:
    """Return the labels of a text that somebody wrote in the order of the classes, None where one is no class."""
    found = set(text.split(JOINT)) - {""}
    return JOINT.join(name for name in names if name in found) if found <= set(names) else None


def all_labels(column: pd.Series, params: DataParams) -> pd.Series:
    """Return every label of every row under the row's index: of one label a row, the column itself."""
    return each_label(column) if params.multi_label else column


def absent_labels(rows: pd.DataFrame, part: pd.DataFrame, params: DataParams) -> list[str]:
    """Return the labels that no row of a part has."""
    return sorted(set(all_labels(rows["label"], params)) - set(all_labels(part["label"], params)))


def strata(column: pd.Series, params: DataParams) -> pd.Series:
    """Return within what rows are split: their label, or the rarest of several, so that every split gets its share of
    the rare ones. A row without labels is in a stratum of its own kind."""
    if not params.multi_label:
        return column
    labels = each_label(column)
    ranked = pd.DataFrame({"label": labels, "rows": labels.map(labels.value_counts())}).sort_values(["rows", "label"])
    return ranked.groupby(level=0)["label"].first().reindex(column.index, fill_value="")

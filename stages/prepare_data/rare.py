"""Settle what happens to classes that are too rare to be in every split."""

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural, shown
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.notes import Notes
from stages.prepare_data.row_labels import all_labels, join_labels

LEAST_ROWS = 3  # of a class: one for each split
MERGED = "other"
CLASSES_SHOWN = 60


def settle_rare(
    rows: pd.DataFrame, labels: list[str], params: DataParams, note: Notes
) -> tuple[pd.DataFrame, list[str], int]:
    """Return the rows, the class names in order, and how many rows were dropped.

    A class with fewer than LEAST_ROWS rows, or groups of rows, is rare (of given splits, fewer in train than splits are
    cut from it): `data.rare_classes` refuses it, drops its rows, or puts them into the class MERGED. A row that has
    other labels, too, is kept with those.

    Raises:
        UserError: naming all rare classes with their rows.
    """
    least = LEAST_ROWS - sum(name in set(rows[GIVEN]) for name in ("validation", "test"))
    counts = count_rows(rows.loc[rows[GIVEN].isin(["train", ""]), ["label", "group"]], labels, params)
    rare = counts[counts < least]
    if rare.empty:
        return rows, labels, 0
    what = "row" if params.group_column is None else "group"
    listed = shown([f"{label} ({count})" for label, count in rare.items()], CLASSES_SHOWN)
    found = f"{plural(len(rare), 'class').replace('classs', 'classes')} with fewer than {least} {what}s: {listed}"
    if params.rare_classes == "refuse":
        many = ". With so many classes, is data.label_column right?" if len(rare) > len(rows) // 4 else ""
        raise UserError(
            f"data.rare_classes: there are {found}, and each split needs one {what} of every class. Set it to drop or "
            f"merge, or put them into other classes by data.labels{many}"
        )
    common = [label for label in labels if label not in rare.index]
    if params.rare_classes == "merge" and MERGED not in common:
        common.append(MERGED)
    if len(common) < 2:
        raise UserError(
            f"data.rare_classes: {params.rare_classes} leaves {len(common)} of the classes, two are needed: {found}"
        )
    rows, dropped = (drop_labels if params.rare_classes == "drop" else merge_labels)(rows, common, params, note, found)
    return rows, common, dropped


def count_rows(rows: pd.DataFrame, labels: list[str], params: DataParams) -> pd.Series:
    """Return how many rows, or groups of rows, each label has."""
    each = all_labels(rows["label"], params)
    if params.group_column is None:
        return each.value_counts().reindex(labels, fill_value=0)
    alone = (rows["group"] == "").to_numpy()
    units = pd.Series(np.where(alone, -1 - np.arange(len(rows)), pd.factorize(rows["group"])[0]), index=rows.index)
    return units.loc[each.index].groupby(each.to_numpy()).nunique().reindex(labels, fill_value=0)


def drop_labels(
    rows: pd.DataFrame, common: list[str], params: DataParams, note: Notes, found: str
) -> tuple[pd.DataFrame, int]:
    """Return the rows with no label but the common ones, and how many were dropped for having none of these.

    Where rows may have several labels, they may have none, and none is dropped.
    """
    each = all_labels(rows["label"], params)
    rare = rows.index.isin(each.index[~each.isin(common)])
    if params.multi_label:
        note(f"labels taken from {plural(int(rare.sum()), 'row')}, which keep their others: {found}")
        return rows.assign(label=join_labels(each[each.isin(common)], common, rows.index)), 0
    note(f"{plural(int(rare.sum()), 'row')} dropped: {found}")
    return rows[~rare].reset_index(drop=True), note.drop(rows[rare], "rare_class")


def merge_labels(
    rows: pd.DataFrame, common: list[str], params: DataParams, note: Notes, found: str
) -> tuple[pd.DataFrame, int]:
    """Return the rows with MERGED in place of the labels that are not common, and that none was dropped.

    Raises:
        UserError: when the class MERGED is rare itself.
    """
    each = all_labels(rows["label"], params)
    rare = rows.index.isin(each.index[~each.isin(common)])
    note(f"{plural(int(rare.sum()), 'row')} put into the class {MERGED}: {found}")
    each = each.where(each.isin(common), MERGED)
    if (merged := each.index[each == MERGED].nunique()) < LEAST_ROWS:
        raise UserError(f"data.rare_classes: merged, the rare classes have {plural(merged, 'row')}: set it to drop")
    return rows.assign(label=join_labels(each, common, rows.index) if params.multi_label else each), 0

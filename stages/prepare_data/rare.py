"""Settle what happens to classes that are too rare to be in every split."""

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural, shown
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.notes import Notes

LEAST_ROWS = 3  # of a class: one for each split
MERGED = "other"
CLASSES_SHOWN = 60


def settle_rare(
    rows: pd.DataFrame, labels: list[str], params: DataParams, note: Notes
) -> tuple[pd.DataFrame, list[str], int]:
    """Return the rows, the class names in order, and how many rows were dropped.

    A class with fewer than LEAST_ROWS rows, or groups of rows, is rare (of given splits, fewer in train than splits are
    cut from it): `data.rare_classes` refuses it, drops its rows,
    or puts them into the class MERGED.

    Raises:
        UserError: naming all rare classes with their rows.
    """
    counted = rows[rows[GIVEN].isin(["train", ""])]
    least = LEAST_ROWS - sum(name in set(rows[GIVEN]) for name in ("validation", "test"))
    grouped = counted["group"].where(counted["group"] != "", counted["row_id"])
    counts = grouped.groupby(counted["label"]).nunique().reindex(labels, fill_value=0)
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
    is_rare = rows["label"].isin(rare.index)
    common = [label for label in labels if label not in rare.index]
    if params.rare_classes == "drop":
        note(f"{plural(int(is_rare.sum()), 'row')} dropped: {found}")
        dropped = note.drop(rows[is_rare], "rare_class")
        rows = rows[~is_rare].reset_index(drop=True)
    else:
        note(f"{plural(int(is_rare.sum()), 'row')} put into the class {MERGED}: {found}")
        rows, dropped = rows.assign(label=rows["label"].where(~is_rare, MERGED)), 0
        common += [] if MERGED in common else [MERGED]
        if (merged := int((rows["label"] == MERGED).sum())) < LEAST_ROWS:
            raise UserError(f"data.rare_classes: merged, the rare classes have {plural(merged, 'row')}: set it to drop")
    if len(common) < 2:
        raise UserError(
            f"data.rare_classes: {params.rare_classes} leaves {len(common)} of the classes, two are needed: {found}"
        )
    return rows, common, dropped

"""Take rows in, batch by batch: read them, keep those that the filter keeps, clean them, and put them on disk."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.common.text_columns import text_columns
from stages.prepare_data.columns import GIVEN, TIME, note_missing, storable
from stages.prepare_data.copy_key import hashed_key
from stages.prepare_data.readers import read_rows
from stages.prepare_data.selection import note_uncompared, row_filter, select_rows
from stages.prepare_data.store import Store
from stages.prepare_data.texts import clean_rows, id_number


def read_selected(files: Mapping[str, list[Path]], params: DataParams, store: Store) -> tuple[pd.DataFrame, int]:
    """Return of the rows that the filter keeps what decides about them, and how many were read.

    The rows, cleaned, go to the store. What is returned are the columns that `put` names.

    Args:
        files: those of each split.

    Raises:
        UserError: naming the file, the rows and the reason for which the data can't be used.
    """
    keep, note = row_filter(params), store.note
    num_read = 0
    batches = []
    columns: dict[str, set[str]] = {}
    for rows in read_rows(files, params, note):
        num_read += len(rows)
        columns.setdefault(rows.attrs["file"], set()).update(rows.columns)
        batches.append(put(clean_rows(select_rows(rows, params, keep, note)), store))
    note_missing(columns, note)
    note_uncompared(keep, params, sorted(set().union(*columns.values())), note)
    selected = pd.concat(batches, ignore_index=True)
    if selected.empty:
        raise UserError(f"data.filter: {params.filter!r} keeps no row" if num_read else "data.source has no rows")
    return selected, num_read


def put(rows: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Put rows with clean texts into the store; return what decides about them.

    Returns:
        The columns label, origin, group, GIVEN and, if it is there, TIME; `row_id` as a number, uint64; `place` in the
        store, int32; the number of `characters`, int32; and a hash of the key by which copies are told, `key`, uint64,
        0 where a text is empty.
    """
    decisive = rows[["label", "origin", "group", *rows.columns.intersection([GIVEN, TIME])]]
    texts = [rows[name] for name in text_columns(rows)]
    first = len(store)
    if len(rows):
        store.add(storable(rows.drop(columns=["label", GIVEN, TIME], errors="ignore"), store.note))
    return decisive.astype({"group": "category", GIVEN: "category"}).assign(
        row_id=np.array(list(map(id_number, rows["row_id"])), dtype=np.uint64),
        place=np.arange(first, first + len(rows), dtype=np.int32),
        characters=np.array([sum(map(len, row)) for row in zip(*texts, strict=True)], dtype=np.int32),
        key=np.array(list(map(hashed_key, *texts)), dtype=np.uint64),
    )

"""Take rows in: read them, keep those that the filter keeps, and clean them, batch by batch."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import note_missing, storable
from stages.prepare_data.notes import Notes
from stages.prepare_data.readers import read_rows
from stages.prepare_data.selection import note_uncompared, row_filter, select_rows
from stages.prepare_data.texts import clean_rows


def read_selected(files: Mapping[str, list[Path]], params: DataParams, note: Notes) -> tuple[pd.DataFrame, int]:
    """Return the rows that the filter keeps, cleaned, and how many were read; `files` are those of each split.

    Raises:
        UserError: naming the file, the rows and the reason for which the data can't be used.
    """
    keep = row_filter(params)
    num_read = 0
    batches = []
    columns: dict[str, set[str]] = {}
    for rows in read_rows(files, params, note):
        num_read += len(rows)
        columns.setdefault(rows.attrs["file"], set()).update(rows.columns)
        batches.append(clean_rows(select_rows(rows, params, keep, note)))
    note_missing(columns, note)
    note_uncompared(keep, params, sorted(set().union(*columns.values())), note)
    selected = pd.concat(batches, ignore_index=True)
    if selected.empty:
        raise UserError(f"data.filter: {params.filter!r} keeps no row" if num_read else "data.source has no rows")
    return storable(selected, note), num_read

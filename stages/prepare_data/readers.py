"""Read the rows of files and data sets as they come, each with its place."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.class_folders import read_class_folders
from stages.prepare_data.columns import check_columns, check_unique
from stages.prepare_data.delimited import read_delimited
from stages.prepare_data.files import data_files, is_saved, open_data
from stages.prepare_data.notes import Notes
from stages.prepare_data.tables import BATCH_ROWS, read_arrow, read_json, read_json_lines, read_parquet, read_workbook

READERS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), read_delimited),
    **dict.fromkeys((".jsonl", ".ndjson"), read_json_lines),
    ".json": read_json,
    ".parquet": read_parquet,
    **dict.fromkeys((".arrow", ".feather"), read_arrow),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), read_workbook),
}


def read_rows(paths: Mapping[str, list[Path]], params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Yield the rows of the files of each split in batches; the index says where each is from: FILE:ROW, from 1.

    A batch's `attrs` have its `file` and its `split`.

    Raises:
        UserError: naming the file that can't be read, or that lacks a column that the params name.
    """
    files = [
        (split, file)
        for split, found in paths.items()
        for file in (found if params.class_folders else data_files(found))
    ]
    names = [file.name for _, file in files]
    for split, file in files:
        place = file.name if names.count(file.name) == 1 else str(file)
        number = 0
        for rows in read_source(file, params, note):
            check_columns(file, list(rows.columns), params)
            if not params.class_folders:
                rows.index = pd.Index([f"{place}:{row}" for row in range(number + 1, number + len(rows) + 1)])
            rows.attrs |= {"file": place, "split": split}
            yield rows
            number += len(rows)


def read_source(path: Path, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Yield the rows of one file or folder in batches."""
    if params.class_folders:
        return read_class_folders(path, params, note)
    return read_hub_folder(path) if path.is_dir() else read_file(path, params, note)


def read_file(path: Path, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Yield the rows of one file, read as its suffix says, in batches."""
    try:
        with (
            open_data(path) as file,
            tqdm(total=(size := path.stat().st_size), desc=f"read {path.name}", unit="B", unit_scale=True) as bar,
        ):
            for rows in READERS[file.suffix](file, params, note):
                check_unique(path, list(rows.columns))
                bar.update((size if file.raw.closed else min(file.raw.tell(), size)) - bar.n)
                yield rows
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise UserError(f"{path} can't be unpacked or read: {' '.join(str(error).split())}") from error


def read_hub_folder(folder: Path) -> Iterator[pd.DataFrame]:
    """Read a data set as `datasets` lays it out: all its splits, with the name of each, if any, in a column `split`.

    A class number becomes the name that the data set gives it, where it gives one.
    """
    import datasets

    try:
        loaded = (datasets.load_from_disk if is_saved(folder) else datasets.load_dataset)(str(folder))
    except Exception as error:  # `datasets` raises many unrelated types
        which = ". Name the folder of one: hub:OWNER/NAME@COMMIT/PATH" if "Config name" in str(error) else ""
        raise UserError(f"data.source: {folder} can't be loaded: {' '.join(str(error).split())}{which}") from error
    for name, split in loaded.items() if isinstance(loaded, dict) else [("", loaded)]:
        for rows in split.to_pandas(batch_size=BATCH_ROWS, batched=True):
            for column, feature in split.features.items():
                if isinstance(feature, datasets.ClassLabel):
                    rows[column] = [feature.int2str(value) if value >= 0 else None for value in rows[column]]
            yield rows.assign(split=str(name)) if name else rows

"""Rows as prepare-data has them: as a file's reader gives them, and then what decides in memory, the rest on disk."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from tiny import PARAMS

from stages.common.params import DataParams, load_params
from stages.prepare_data.intake import put, read_selected
from stages.prepare_data.notes import Notes
from stages.prepare_data.readers import read_rows
from stages.prepare_data.store import Store
from stages.prepare_data.texts import clean_rows


def data_params(**changes: object) -> DataParams:
    return load_params(PARAMS).data.model_copy(update={"filter": None, "labels": None, **changes})


def read_files(paths: list[Path] | Path, **changes: object) -> pd.DataFrame:
    files = paths if isinstance(paths, list) else [paths]
    return pd.concat(read_rows({"": files}, data_params(**changes), Notes()))


def new_store(folder: Path) -> Store:
    return Store(Path(mkdtemp(dir=folder)) / "rows", Notes())


def read(files: Mapping[str, list[Path]], params: DataParams, folder: Path) -> tuple[pd.DataFrame, Store]:
    store = new_store(folder)
    return read_selected(files, params, store)[0], store


def stored(rows: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, Store]:
    """Return rows with texts, not clean yet, as they are after reading."""
    store = new_store(folder)
    return put(clean_rows(rows), store), store


def whole(rows: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return rows with their texts and the user's own columns."""
    return store.read(rows["place"].to_numpy()).assign(label=rows["label"].tolist())

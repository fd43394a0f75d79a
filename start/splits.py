"""Recognise splits that the data comes with: a column that names them, or a file for each."""

from pathlib import Path

import pandas as pd

from stages.prepare_data.class_folders import holds_class_folders
from stages.prepare_data.given import ORDER, OTHER_NAMES
from start.columns import name_fits

SPLIT_NAMES = {"split", "subset", "partition", "fold", "set"}


def split_column(rows: pd.DataFrame) -> str | None:
    """Return the column that names each row's split: all its values are names of splits, and several are there or the
    column is called so."""
    for column in rows.columns:
        if not all(isinstance(value, str) for value in rows[column]):
            continue
        found = {split_name(value) for value in rows[column].unique()}
        if "train" in found and found <= set(ORDER) and (name_fits(column, SPLIT_NAMES) or len(found) > 1):
            return str(column)
    return None


def split_files(files: list[Path]) -> dict[str, Path] | None:
    """Return the file of each split, where the files are called train.csv and test.csv, say."""
    named = {split_name(file.name.split(".")[0]): file for file in files}
    return named if len(named) == len(files) > 1 and "train" in named and set(named) <= set(ORDER) else None


def split_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are called train, test and so on and hold one for each label, or the folder
    itself."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = [path for path in inside if split_name(path.name) in ORDER and holds_class_folders(path)]
    return found if split_files(found) else [folder]


def split_name(value: str) -> str:
    name = value.strip().lower()
    return OTHER_NAMES.get(name, name)

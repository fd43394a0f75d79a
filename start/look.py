"""Look at files: with which params they can be read, and what their columns are."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.common.references import resolve_data
from stages.prepare_data.bad_rows import shown
from stages.prepare_data.class_folders import holds_class_folders, text_files
from stages.prepare_data.files import data_files
from start.columns import guess_columns
from start.csv_form import csv_form, first_rows
from start.encoding import told_encoding
from start.report import describe_columns
from start.several import several_labels
from start.splits import split_column, split_files, split_folders

UNLABELLED = {"unsup", "unlabeled", "unlabelled"}  # the first in the IMDB reviews as their authors give them
USUAL: dict[str, Any] = {  # what params.yaml says of another data set would get in the way
    **dict.fromkeys(["filter", "labels", "label_separator", "group_column", "split_column", "time_column"]),
    **{"multi_label": False, "quoting": True, "column_names": None, "rare_classes": "drop"},
}


def look(arguments: argparse.Namespace, params: DataParams) -> tuple[DataParams, dict[str, Any]]:
    """Return params to read the files with, and those keys that the files ask for."""
    paths = [folder for path in resolve_data(arguments.files, "FILE") for folder in split_folders(path)]
    class_folders = all(map(holds_class_folders, paths))
    files = [file for path in paths for file in text_files(path)] if class_folders else data_files(paths)
    given = split_files(paths if class_folders else files)
    main = given["train"] if given else paths[0] if class_folders else files[0]
    encoding = next((name for file in files if (name := told_encoding(file, class_folders))), None)
    changes = USUAL | {"source": named_source(arguments.files, given), "class_folders": class_folders}
    changes |= {"encoding": encoding, "delimiter": arguments.delimiter}
    changes |= csv_form(main, params.model_copy(update=changes))
    first = first_rows(main, params.model_copy(update=changes))
    if first.empty:
        each = "; texts that are a file each belong in a folder for each label" if len(files) > 1 else ""
        raise UserError(f"{main} has no rows, only names of columns ({shown(list(first.columns))}){each}")
    first, columns = told_columns(first, arguments, changes)
    changes |= columns
    text, label = columns["text_column"], columns["label_column"]
    if given:
        check_labelled(given, params.model_copy(update=changes))
    else:
        changes["split_column"] = split_column(first.drop(columns=[text, label]))
    if given or changes["split_column"]:
        print(f"splits are given: by {changes['split_column'] or 'the names of files or folders'}")
    changes |= label_form(first[label]) | (unlabelled_folders(files) if class_folders else {})
    describe_columns(files, first, text, label, encoding)
    return params.model_copy(update=changes), changes


def named_source(names: list[str], given: dict[str, Path] | None) -> Any:
    """Return what `data.source` says of the files: their names as they were given, or that of each split."""
    if given:
        return {split: str(path) for split, path in given.items()}
    return names[0] if len(names) == 1 else names


def told_columns(
    rows: pd.DataFrame, arguments: argparse.Namespace, changes: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the first rows, their columns called as they will be, and the keys that name columns."""
    pair, names = arguments.text_pair_column, changes["column_names"]
    text, label = "text", "label"
    if not changes["class_folders"]:
        others = rows.drop(columns=[pair], errors="ignore")
        text, label = guess_columns(others, arguments.text_column, arguments.label_column)
    if names:
        called = {text: "text", label: "label"}
        rows, names = rows.rename(columns=called), [called.get(name, name) for name in names]
        text, label = "text", "label"
    columns = {"text_column": text, "text_pair_column": pair, "label_column": label}
    return rows, columns | {"column_names": names}


def check_labelled(given: dict[str, Path], params: DataParams) -> None:
    """Raise a UserError for a split without labels, as competitions give one."""
    for path in given.values():
        if params.label_column not in first_rows(path, params).columns:
            raise UserError(
                f"{path} has no column {params.label_column!r}, so no model can be judged by it: name {given['train']} "
                f"alone, and let `python -m predict --input {path}` label the other"
            )


def unlabelled_folders(files: list[Path]) -> dict[str, Any]:
    """Return the filter that leaves out folders whose name says that their texts have no label."""
    names = sorted({file.parent.name for file in files} & UNLABELLED)
    if not names:
        return {}
    print(f"the texts in {shown(names)} have no label: data.filter leaves them out")
    return {"filter": " and ".join(f'label != "{name}"' for name in names)}


def label_form(values: pd.Series) -> dict[str, Any]:
    """Return the keys that say how labels are written, and which rows have none."""
    if several := several_labels(values):
        how = f"with {several['label_separator']!r} between them" if several["label_separator"] else "as lists"
        print(f"rows have several labels, {how}; a row may have none. If that is wrong: data.multi_label: false")
        return several
    missing = values.isna() | (values.astype(str).str.strip() == "")
    if not missing.any():
        return {}
    print(f"{int(missing.sum()):,} of the first {len(values):,} rows have no label: data.filter leaves them out")
    return {"filter": f"`{values.name}`.notna()"}

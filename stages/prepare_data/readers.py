"""Read the rows of files and data sets as they come, each with its place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stages.common.errors import UserError
from stages.prepare_data.bad_rows import plural, shown


def read_rows(files: list[Path]) -> pd.DataFrame:
    """Return the rows of all files; the index says where each is from: FILE:ROW, where the first data row is 1."""
    frames = []
    for path in files:
        rows = read_hub_folder(path) if path.is_dir() else read_file(path)
        frames.append(rows.set_axis([f"{path.name}:{row}" for row in range(1, len(rows) + 1)]))
    return pd.concat(frames)


def read_file(path: Path) -> pd.DataFrame:
    """Read one file as its suffix says. Text files must be UTF-8; their values stay as written ("NA" is a text)."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".tsv"):
            separator = "," if suffix == ".csv" else "\t"
            return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        if suffix in (".jsonl", ".ndjson"):
            return pd.DataFrame.from_records(list(read_json_lines(path)))
        if suffix == ".parquet":
            return pd.read_parquet(path)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8: {undecodable_lines(path)}. Save it as UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError) as error:
        raise UserError(f"{path} can't be read as {suffix[1:]}: {' '.join(str(error).split())}") from error
    raise UserError(f"data.source: {path} must end in .csv, .tsv, .jsonl, .ndjson or .parquet")


def read_json_lines(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error.msg}") from error
            if not isinstance(record, dict):
                raise ValueError(f"line {number} is not an object of column names and values")
            yield record


def undecodable_lines(path: Path) -> str:
    bad = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                bad.append(number)
    return f"{plural(len(bad), 'line')} can't be decoded ({shown(bad)})"


def read_hub_folder(folder: Path) -> pd.DataFrame:
    """Read a data set as `datasets` lays it out: all its splits, with the name of each in a column `split`.

    A class number becomes the name that the data set gives it, where it gives one.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(str(folder))
    except Exception as error:  # `datasets` raises many unrelated types
        raise UserError(f"data.source: {folder} can't be loaded: {' '.join(str(error).split())}") from error
    frames = []
    for name, split in loaded.items():
        rows = split.to_pandas()
        for column, feature in split.features.items():
            if isinstance(feature, datasets.ClassLabel):
                rows[column] = [feature.int2str(value) if value >= 0 else None for value in rows[column]]
        frames.append(rows.assign(split=str(name)))
    return pd.concat(frames, ignore_index=True)

"""Find out which columns the inputs have, and of what type."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from predict.csv_records import csv_header
from predict.parquet_file import parquet_schema
from predict.readers import read_rows
from predict.rows import REPLACEMENT, SURROGATE, Source
from predict.whole_files import ADDED

EXACT = 2**53  # up to it a float64 holds every whole number


def find_columns(sources: list[Source]) -> dict[str, Any]:
    """Return the columns of all inputs in order of appearance, each with its Arrow type or the name of one.

    A jsonl input is read through for this. Where inputs differ over a column, it is a string.
    """
    columns: dict[str, Any] = {}
    for source in sources:
        for name, kind in source_columns(source).items():
            columns[name] = kind if columns.setdefault(name, kind) == kind else "string"
    return columns


def source_columns(source: Source) -> dict[str, Any]:
    if source.format == "txt":
        return {source.columns.text: "string"}
    if source.format == "file":
        return dict.fromkeys([source.columns.text, *ADDED], "string")
    if source.format == "jsonl":
        return scan_jsonl(source)
    assert source.path is not None, "standard input is txt or jsonl"
    if source.format == "parquet":
        schema = parquet_schema(source.path)
        return dict(zip(schema.names, schema.types, strict=True))
    return dict.fromkeys(csv_header(source, source.path), "string")


def scan_jsonl(source: Source) -> dict[str, str]:
    """Return the fields of all rows, each with the Arrow type that holds its values; standard input is stored first."""
    if source.path is None:
        stored = tempfile.NamedTemporaryFile()  # noqa: SIM115 - open as long as the source: then it is removed
        shutil.copyfileobj(source.open(), stored)
        stored.flush()
        source.path, source.stored = Path(stored.name), stored
    kinds: dict[str, set[str]] = {}
    for row in read_rows(source):
        for name, value in row.fields.items():
            kinds.setdefault(name, set()).update([] if value is None else [json_kind(value)])
    return {name: joint_kind(each) for name, each in kinds.items() if name not in source.columns.added}


def json_kind(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and not -EXACT <= value <= EXACT:
        return "large" if -(2**63) <= value < 2**63 else "string"
    return {bool: "bool", int: "int64", float: "float64"}.get(type(value), "string")


def joint_kind(kinds: set[str]) -> str:
    if kinds == {"int64", "float64"}:
        return "float64"
    if "large" in kinds and kinds <= {"int64", "large"}:
        return "int64"
    if "large" in kinds:
        return "string"
    return kinds.pop() if len(kinds) == 1 else "string"


def text_of(value: Any) -> str | None:
    """Return a value as a string: JSON, unless it is one."""
    if value is None:
        return None
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return SURROGATE.sub(REPLACEMENT, value)

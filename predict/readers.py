"""Read rows with texts from files, a chunk at a time.

A row that can't be read is a row with an error; a file that can't be read is a PredictError before any row is read."""

import codecs
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from predict.csv_records import csv_header, read_csv
from predict.errors import PredictError
from predict.line_files import parse_object, read_jsonl, read_lines, read_txt
from predict.parquet_file import parquet_schema, read_parquet
from predict.rows import Columns, Row, Source
from predict.whole_files import files_in, read_whole

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "txt",
}
READERS: dict[str, Callable[[Source, BinaryIO], Iterator[Row]]] = {
    "csv": read_csv,
    "tsv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "txt": read_txt,
    "file": read_whole,
}
CHUNK_ROWS = 4096  # at most, that are read, predicted and written at once: bounds memory,
CHUNK_BYTES = 1_000_000  # as does this, of their input, and what a kill can cost
FIRST_ROWS = 100  # of a jsonl input, one of which has a text


def read_rows(source: Source) -> Iterator[Row]:
    """Read the rows of an input; the first has number 1, and a header has none."""
    with source.open() as file:
        yield from READERS[source.format](source, file)


def read_chunks(sources: list[Source], skip: int) -> Iterator[list[Row]]:
    """Read the rows after the first `skip` in chunks, each of one file.

    Where a chunk ends is decided by its own rows: after any number of whole chunks, the same ones follow.
    """
    rows = itertools.chain.from_iterable(map(read_rows, sources))
    chunk: list[Row] = []
    size = 0
    for row in itertools.islice(rows, skip, None):
        size += row.size
        if chunk and (row.block is not chunk[0].block or len(chunk) == CHUNK_ROWS or size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], row.size
        chunk.append(row)
    if chunk:
        yield chunk


def open_sources(names: list[str], columns: Columns, input_format: str | None) -> list[Source]:
    """Return the inputs, each of which can be read and has the columns, as far as its beginning says.

    Raises:
        PredictError: naming the file that can't be used.
    """
    sources: list[Source] = []
    size = 0
    for name in files_in(names) if input_format == "file" else names:
        path = None if name == "-" else Path(name)
        if path and not path.is_file():
            raise PredictError(f"{path} is not a file" if path.exists() else f"there is no file {path}")
        known = input_format or (FORMATS.get(path.suffix.lower()) if path else "txt")
        if known is None:
            raise PredictError(f"{path}: its suffix is not one of {', '.join(FORMATS)}; say --input-format")
        if path is None and known not in ("txt", "jsonl"):
            raise PredictError(f"standard input is read as txt or jsonl, not as {known}")
        if known in ("txt", "file") and columns.text_pair is not None:
            raise PredictError(f"{known} holds no pairs: give them as csv, tsv, jsonl or parquet (--input-format)")
        source = Source(path, known, columns, offset=size)
        if path:
            check_beginning(source, path)
        sources.append(source)
        size += source.size
    if sum(source.path is None for source in sources) > 1:
        raise PredictError("standard input can be read once: --input names it twice")
    return sources


def check_beginning(source: Source, path: Path) -> None:
    """Raise PredictError where the file's first bytes, its header or its schema say that it can't be used."""
    with path.open("rb") as file:
        first = file.read(4)
    if source.format != "parquet" and first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise PredictError(f"{path} is UTF-16: save it as UTF-8")
    if source.format == "jsonl":
        check_first_rows(source.columns, path)
    if source.format in ("txt", "jsonl", "file"):
        return
    names = parquet_schema(path).names if source.format == "parquet" else csv_header(source, path)
    check_names(source.columns, path, names)


def check_names(columns: Columns, path: Path, names: list[str]) -> None:
    named = {
        "--text-column": columns.text,
        "--text-pair-column": columns.text_pair,
        "--label-column": columns.label,
    }
    for option, name in named.items():
        if name is not None and name not in names:
            raise PredictError(f"{path} has no column {name}; it has {', '.join(names)}. Say {option}")
    for name in names:
        if names.count(name) > 1:
            raise PredictError(f"{path} has two columns {name}")
        if name in columns.added:
            raise PredictError(f"{path} has a column {name}, which the prediction adds: rename or drop it")


def check_first_rows(columns: Columns, path: Path) -> None:
    """Raise PredictError where no row at the beginning of a jsonl file has the text column, or that of the pair."""
    with path.open("rb") as file:
        lines = (line for _, line, _, _ in read_lines(file) if line.strip())
        objects = [parse_object(line, columns.added) for line in itertools.islice(lines, FIRST_ROWS)]
    for name, option in zip(columns.texts, ("--text-column", "--text-pair-column"), strict=False):
        if not objects or any(name in fields for fields, _ in objects):
            continue
        names = next((", ".join(fields) for fields, _ in objects if fields), "")
        has = f"they have {names}. Say {option}" if names else f"the first is {objects[0][1]}"
        raise PredictError(f"{path} has no field {name} in its first rows; {has}")

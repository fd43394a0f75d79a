"""Read rows with texts from files, a chunk at a time.

A row that can't be read is a row with an error; a file that can't be read is a PredictError before any row is read."""

import codecs
import csv
import io
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from predict.errors import PredictError

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "txt",
}
DELIMITERS = {"csv": ",", "tsv": "\t"}
RESULTS = ("predicted_label", "predicted_probability", "error")
CHUNK_ROWS = 4096  # at most, that are read, predicted and written at once: bounds memory,
CHUNK_BYTES = 1_000_000  # as does this, of their input, and what a kill can cost
FIRST_ROWS = 100  # of a jsonl input, one of which has a text
FIELD_CHARACTERS = 10_000_000  # of a csv field: beyond it a quote was not closed
NOT_UTF8 = "not UTF-8"
SURROGATE = re.compile("[\ud800-\udfff]")  # what stands in a str for bytes that are not UTF-8
REPLACEMENT = "\ufffd"


@dataclass
class Row:
    """A row of an input, and what was found for it."""

    place: str  # FILE:ROW
    fields: dict[str, Any]
    text: str
    error: str
    size: int  # bytes that it takes, roughly
    end: int  # bytes of all inputs up to its end, roughly
    block: object  # what it was read from: a file, or a record batch of one
    index: int = 0  # its place in the record batch
    label: str | None = None
    probability: float | None = None


@dataclass
class Source:
    """An input: a file, or standard input where `path` is None."""

    path: Path | None
    format: str
    text_column: str
    offset: int = 0  # bytes of the inputs before it
    stored: Any = None  # what was read from standard input, where it is read twice

    def __post_init__(self) -> None:
        self.name = self.path.name if self.path else "standard input"
        self.size = self.path.stat().st_size if self.path else 0  # in bytes

    def open(self) -> BinaryIO:
        return self.path.open("rb") if self.path else sys.stdin.buffer

    def rows(self) -> Iterator[Row]:
        """Read the rows; the first has number 1, and a header has none."""
        read = {"txt": read_txt, "jsonl": read_jsonl, "parquet": read_parquet}.get(self.format, read_csv)
        with self.open() as file:
            yield from read(self, file)

    def row(self, number: int, fields: dict[str, Any], error: str, size: int, position: int) -> Row:
        """Make a row of its fields, with an error where it has none yet and its text is not one."""
        text = fields.get(self.text_column)
        if not error and text is None:
            error = f"no {self.text_column}"
        elif not error and not isinstance(text, str):
            error = f"{self.text_column} is not a string but {json.dumps(text, default=str)[:40]}"
        elif not error and SURROGATE.search(str(text)):
            error = f"{self.text_column} holds half of a character (a lone surrogate)"
        place, end = f"{self.name}:{number}", self.offset + position
        return Row(place, fields, "" if error else str(text), error, size, end, block=self)


def open_sources(names: list[str], text_column: str, input_format: str | None) -> list[Source]:
    """Return the inputs, each of which can be read and has the text column, as far as its beginning says.

    Raises:
        PredictError: naming the file that can't be used.
    """
    sources: list[Source] = []
    for name in names:
        path = None if name == "-" else Path(name)
        if path and not path.is_file():
            raise PredictError(f"{path} is not a file" if path.exists() else f"there is no file {path}")
        known = input_format or (FORMATS.get(path.suffix.lower()) if path else "txt")
        if known is None:
            raise PredictError(f"{path}: its suffix is not one of {', '.join(FORMATS)}; say --input-format")
        if path is None and known not in ("txt", "jsonl"):
            raise PredictError(f"standard input is read as txt or jsonl, not as {known}")
        source = Source(path, known, text_column, offset=sum(other.size for other in sources))
        if path:
            check_beginning(source, path)
        sources.append(source)
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
        check_first_rows(source, path)
    if source.format in ("txt", "jsonl"):
        return
    names = parquet_schema(path).names if source.format == "parquet" else csv_header(source, path)
    if source.text_column not in names:
        found = ", ".join(map(str, names))
        raise PredictError(f"{path} has no column {source.text_column}; it has {found}. Say --text-column")
    for name in names:
        if names.count(name) > 1:
            raise PredictError(f"{path} has two columns {name}")
        if name in RESULTS:
            raise PredictError(f"{path} has a column {name}, which the prediction adds: rename or drop it")


def check_first_rows(source: Source, path: Path) -> None:
    """Raise PredictError where no row at the beginning of a jsonl file has the text column."""
    rows = list(itertools.islice(source.rows(), FIRST_ROWS))
    if rows and not any(source.text_column in row.fields for row in rows):
        found = next((", ".join(row.fields) for row in rows if row.fields), "")
        has = f"they have {found}. Say --text-column" if found else f"the first is {rows[0].error}"
        raise PredictError(f"{path} has no field {source.text_column} in its first rows; {has}")


def csv_header(source: Source, path: Path) -> list[str]:
    with path.open("rb") as file:
        try:
            header = next(csv_records(source, file), None)
        except csv.Error as error:
            raise PredictError(f"{path} has no header that can be read: {error}") from error
    if not header:
        raise PredictError(f"{path} is empty: its first line must name the columns")
    if SURROGATE.search("".join(header)) or "\0" in "".join(header):
        raise PredictError(f"{path} is {NOT_UTF8}: save it as UTF-8")
    return header


def csv_records(source: Source, file: BinaryIO) -> Any:
    csv.field_size_limit(FIELD_CHARACTERS)
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    return csv.reader(lines, delimiter=DELIMITERS[source.format], strict=True)


def parquet_schema(path: Path) -> Any:
    pyarrow = import_pyarrow()
    try:
        return pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise PredictError(f"{path} is not a parquet file: {one_line(error)}") from error


def import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise PredictError("parquet files need pyarrow: pip install pyarrow") from error
    return pyarrow


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def read_chunks(sources: list[Source], skip: int) -> Iterator[list[Row]]:
    """Read the rows after the first `skip` in chunks, each of one file.

    Where a chunk ends is decided by its own rows: after any number of whole chunks, the same ones follow.
    """
    rows = itertools.chain.from_iterable(source.rows() for source in sources)
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


def read_txt(source: Source, file: BinaryIO) -> Iterator[Row]:
    for number, line, position in read_lines(file):
        try:
            text, error = line.decode(), ""
        except UnicodeDecodeError:
            text, error = line.decode(errors="replace"), NOT_UTF8
        yield source.row(number, {source.text_column: text}, error, len(line), position)


def read_jsonl(source: Source, file: BinaryIO) -> Iterator[Row]:
    """Read an object from each line; blank lines are passed over, but count."""
    for number, line, position in read_lines(file):
        if line.strip():
            fields, error = parse_object(line)
            yield source.row(number, fields, error, len(line), position)


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Read each line with its number and the position of its end."""
    position = 0
    for number, line in enumerate(file, start=1):
        position += len(line)
        line = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").removesuffix(b"\n").removesuffix(b"\r")
        yield number, line, position


def parse_object(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the fields of a JSON object, and what is wrong with it."""
    try:
        fields = json.loads(line.decode())
    except UnicodeDecodeError:
        return {}, NOT_UTF8
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON: {one_line(error)}"
    if not isinstance(fields, dict):
        return {}, "not a JSON object"
    if any(map(SURROGATE.search, fields)):
        return {}, "a field's name holds half of a character (a lone surrogate)"
    taken = [name for name in RESULTS if name in fields]
    return fields, f"has a field {taken[0]} already, which the prediction adds" if taken else ""


def read_csv(source: Source, file: BinaryIO) -> Iterator[Row]:
    records = csv_records(source, file)
    header: list[str] = next(records)
    for number, (values, error) in enumerate(read_records(records), start=1):
        if not error and len(values) != len(header):
            error = f"{len(values)} fields, and the header has {len(header)}"
        if any(map(SURROGATE.search, values)):
            values, error = [SURROGATE.sub(REPLACEMENT, value) for value in values], NOT_UTF8
        fields = dict(zip(header, values, strict=False))
        yield source.row(number, fields, error, sum(map(len, values)), file.tell())


def read_records(records: Any) -> Iterator[tuple[list[str], str]]:
    """Read each record that is not blank, and what is wrong with it."""
    while True:
        try:
            values, error = next(records), ""
        except StopIteration:
            return
        except csv.Error as problem:
            values, error = [], f"not CSV: {problem}"
        if values or error:
            yield values, error


def read_parquet(source: Source, file: BinaryIO) -> Iterator[Row]:
    pyarrow = import_pyarrow()
    number = 0
    try:
        table = pyarrow.parquet.ParquetFile(file)
        for batch in table.iter_batches(batch_size=CHUNK_ROWS):
            for index, fields in enumerate(plain_rows(pyarrow, batch)):
                number += 1
                position = source.size * number // table.metadata.num_rows
                row = source.row(number, fields, "", batch.nbytes // batch.num_rows, position)
                row.block, row.index = batch, index
                yield row
    except (pyarrow.ArrowException, OSError) as error:
        raise PredictError(f"{source.path} can't be read after row {number}: {one_line(error)}") from error


def plain_rows(pyarrow: Any, batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a record batch; points in time as strings, since Python's have no nanoseconds."""
    columns = {
        name: column.cast(pyarrow.string()) if pyarrow.types.is_timestamp(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pyarrow.RecordBatch.from_pydict(columns).to_pylist()

"""Write rows with their predictions."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from predict.errors import PredictError
from predict.readers import (
    DELIMITERS,
    FORMATS,
    REPLACEMENT,
    RESULTS,
    SURROGATE,
    Row,
    Source,
    csv_header,
    import_pyarrow,
    parquet_schema,
)

DECIMALS = 6  # of a probability
GROUP_BYTES = 32_000_000  # of a row group of a parquet output


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
        return {source.text_column: "string"}
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
    for row in source.rows():
        for name, value in row.fields.items():
            kinds.setdefault(name, set()).update([] if value is None else [json_kind(value)])
    return {name: joint_kind(found) for name, found in kinds.items() if name not in RESULTS}


def json_kind(value: Any) -> str:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "string"
    return {bool: "bool", int: "int64", float: "float64"}.get(type(value), "string")


def joint_kind(kinds: set[str]) -> str:
    if kinds == {"int64", "float64"}:
        return "float64"
    return kinds.pop() if len(kinds) == 1 else "string"


def text_of(value: Any) -> str | None:
    """Return a value as a string: JSON, unless it is one."""
    if value is None:
        return None
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return SURROGATE.sub(REPLACEMENT, value)


def results_of(row: Row) -> dict[str, Any]:
    return dict(zip(RESULTS, (row.label, row.probability, row.error), strict=True))


class JsonlWriter:
    """Writes each row as an object on a line."""

    head = b""

    def encode(self, rows: list[Row]) -> bytes:
        """Return what these rows add to the file."""
        lines = [json.dumps({**row.fields, **results_of(row)}, ensure_ascii=False, default=str) for row in rows]
        return "".join(f"{line}\n" for line in lines).encode(
            errors="backslashreplace"
        )  # JSON's own way to write halves

    def finish(self, partial: Path, output: Path) -> None:
        """Make the output of the file that holds the head and all rows."""
        partial.replace(output)


class CsvWriter(JsonlWriter):
    """Writes columns that are known beforehand, values that are not strings as JSON."""

    def __init__(self, columns: dict[str, Any], delimiter: str) -> None:
        self.columns = [*columns, *RESULTS]
        self.delimiter = delimiter
        self.head = self.lines([self.columns])

    def encode(self, rows: list[Row]) -> bytes:
        records = ({**row.fields, **results_of(row)} for row in rows)
        return self.lines([[text_of(record.get(name)) for name in self.columns] for record in records])

    def lines(self, records: list[list[Any]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(records)
        return text.getvalue().encode()


class ParquetWriter(JsonlWriter):
    """Writes an Arrow stream, which can be cut and gone on with, and makes it a parquet file at the end."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.arrow = import_pyarrow()
        kinds = {**columns, **dict(zip(RESULTS, ("string", "float64", "string"), strict=True))}
        self.schema = self.arrow.schema([(name, self.arrow_type(kind)) for name, kind in kinds.items()])
        self.head = self.schema.serialize().to_pybytes()

    def arrow_type(self, kind: Any) -> Any:
        if isinstance(kind, str):
            return self.arrow.type_for_alias(kind)
        return kind.value_type if self.arrow.types.is_dictionary(kind) else kind

    def encode(self, rows: list[Row]) -> bytes:
        batch = rows[0].block
        if isinstance(batch, self.arrow.RecordBatch):
            batch = batch.slice(rows[0].index, len(rows))
            have = dict(zip(batch.schema.names, batch.columns, strict=True))
        else:
            have = {}
        records = [{**row.fields, **results_of(row)} for row in rows]
        arrays = [self.column(have.get(wanted.name), records, wanted) for wanted in self.schema]
        return self.arrow.RecordBatch.from_arrays(arrays, schema=self.schema).serialize().to_pybytes()

    def column(self, array: Any, records: list[dict[str, Any]], wanted: Any) -> Any:
        """Return a column as it came, where its type is the output's, and else what its values are in that type."""
        if array is not None and self.arrow_type(array.type) == wanted.type:
            return array.cast(wanted.type)
        values = [record.get(wanted.name) for record in records]
        if self.arrow.types.is_string(wanted.type):
            values = [text_of(value) for value in values]
        return self.arrow.array(values, wanted.type)

    def finish(self, partial: Path, output: Path) -> None:
        whole = partial.with_name(f"{partial.name}.whole")
        with (
            self.arrow.OSFile(str(partial)) as file,
            self.arrow.ipc.open_stream(file) as stream,
            self.arrow.parquet.ParquetWriter(whole, self.schema) as writer,
        ):
            for group in self.groups(stream):
                writer.write_table(group)
        whole.replace(output)
        partial.unlink()

    def groups(self, stream: Any) -> Iterator[Any]:
        """Join the batches of a stream into tables that are worth a row group."""
        batches: list[Any] = []
        for batch in stream:
            batches.append(batch)
            if sum(other.nbytes for other in batches) >= GROUP_BYTES:
                yield self.arrow.Table.from_batches(batches)
                batches = []
        if batches:
            yield self.arrow.Table.from_batches(batches)


def make_writer(output: Path | None, sources: list[Source]) -> JsonlWriter:
    """Return the writer for an output by its suffix; standard output, None, takes jsonl.

    Raises:
        PredictError: when the output can't be written as such.
    """
    known = FORMATS.get(output.suffix.lower()) if output else "jsonl"
    if known is None or known == "txt":
        raise PredictError(f"{output}: the suffix of an output is one of .csv, .tsv, .jsonl, .parquet")
    if output and not output.parent.is_dir():
        raise PredictError(f"there is no folder {output.parent} to write {output.name} to")
    if output and output.is_dir():
        raise PredictError(f"{output} is a folder: --output names a file")
    if known == "jsonl":
        return JsonlWriter()
    if known == "parquet":
        import_pyarrow()
    columns = find_columns(sources)
    return ParquetWriter(columns) if known == "parquet" else CsvWriter(columns, DELIMITERS[known])

"""Read formats that hold tables: parquet, Arrow, Excel and JSON."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.bad_rows import plural
from stages.prepare_data.delimited import named
from stages.prepare_data.files import DataFile, decoded, undecodable
from stages.prepare_data.notes import Notes

BATCH_ROWS = 10_000


def read_parquet(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    try:
        table = pq.ParquetFile(file.content)
        yield plain(table.schema_arrow.empty_table())  # so that a file without rows has columns
        for batch in table.iter_batches(batch_size=BATCH_ROWS):
            yield plain(pa.Table.from_batches([batch]))
    except pa.ArrowException as error:
        raise unreadable(file, error) from error


def read_arrow(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Read an Arrow file (Feather) or stream."""
    try:
        beginning = file.content.read(6)
        file.content.seek(0)
        if beginning == b"ARROW1":
            reader = pa.ipc.open_file(file.content)
            found: Iterable = map(reader.get_batch, range(reader.num_record_batches))
        else:
            found = reader = pa.ipc.open_stream(file.content)
        yield plain(reader.schema.empty_table())
        for batch in found:
            yield plain(pa.Table.from_batches([batch]))
    except pa.ArrowException as error:
        raise unreadable(file, error) from error


def plain(table: pa.Table) -> pd.DataFrame:
    """Return a table with the values of its dictionaries in place of their numbers."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table.to_pandas(ignore_metadata=True)


def read_workbook(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Read the first sheet that has the columns named in the params; its values become texts, as in a csv file."""
    try:
        book = CalamineWorkbook.from_filelike(file.content)
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except (CalamineError, ValueError, OSError) as error:
        raise unreadable(file, error) from error
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not filled:
        raise UserError(f"{file.path} is empty")
    headers = {
        name: params.column_names or named([cell_text(cell) for cell in rows[0]]) for name, rows in filled.items()
    }
    meant = {params.text_column, params.label_column}
    chosen = next((name for name, header in headers.items() if meant <= set(header)), next(iter(filled)))
    if len(filled) > 1:
        note(f"{file.path.name}: the sheet {chosen} is read, {len(filled) - 1} others are not")
    header, below = headers[chosen], filled[chosen][0 if params.column_names else 1 :]
    rows = [[cell_text(cell) for cell in row] for row in below if any(cell != "" for cell in row)]
    if rows and len(rows[0]) != len(header):
        raise UserError(
            f"data.column_names: {file.path} has {plural(len(rows[0]), 'column')}; however: {len(header)} names"
        )
    yield pd.DataFrame(rows, columns=header, dtype="str")


def cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def read_json(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    """Read an array of objects, or an object that holds one such array; a file of one object a line is jsonl."""
    lines, sample = decoded(file, params.encoding)
    if sample.lstrip("\ufeff \r\n\t").startswith("{") and len(objects_at_start(sample)) > 1:
        yield from read_objects(file, enumerate(lines, start=1))
        return
    try:
        content = json.load(lines)
    except ValueError as error:
        raise unreadable(file, error) from error
    if isinstance(content, dict):
        arrays = [key for key, value in content.items() if isinstance(value, list)]
        if len(arrays) != 1:
            raise UserError(f"{file.path} must hold an array of objects, or an object with one: it has {list(content)}")
        note(f"{file.path.name}: the rows are those of its key {arrays[0]}")
        content = content[arrays[0]]
    records = content if isinstance(content, list) else [content]
    bad = next((number for number, record in enumerate(records, start=1) if not isinstance(record, dict)), None)
    if bad is not None:
        raise UserError(f"{file.path} can't be read as json: item {bad} is not an object of column names and values")
    yield from frames(records)


def objects_at_start(sample: str) -> list[str]:
    """Return the first lines of a sample, if each is an object."""
    lines = [line for line in sample.splitlines()[:2] if line.strip()]
    return lines if all(line.strip().startswith("{") and line.strip().endswith("}") for line in lines) else []


def read_json_lines(file: DataFile, params: DataParams, note: Notes) -> Iterator[pd.DataFrame]:
    lines, _ = decoded(file, params.encoding)
    try:
        yield from read_objects(file, enumerate(lines, start=1))
    except UnicodeDecodeError as error:
        raise undecodable(
            file.path, lines.encoding, error.object[max(0, error.start - 500) : error.start + 500]
        ) from None


def read_objects(file: DataFile, lines: Iterable[tuple[int, str]]) -> Iterator[pd.DataFrame]:
    yield from frames(parsed(file, lines))


def parsed(file: DataFile, lines: Iterable[tuple[int, str]]) -> Iterator[dict]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", str(error))
            raise UserError(f"{file.path} can't be read as {file.suffix[1:]}: line {number}: {reason}") from error
        if not isinstance(record, dict):
            raise UserError(
                f"{file.path} can't be read as {file.suffix[1:]}: line {number} is not an object of column names and "
                "values"
            )
        yield record


def frames(records: Iterable[dict]) -> Iterator[pd.DataFrame]:
    """Yield records in batches, their values as they are."""
    waiting = iter(records)
    while batch := list(islice(waiting, BATCH_ROWS)):
        names = list(dict.fromkeys(name for record in batch for name in record))
        columns: dict[str, Any] = {name: [record.get(name) for record in batch] for name in names}
        yield pd.DataFrame({name: pd.Series(values, dtype=object).infer_objects() for name, values in columns.items()})


def unreadable(file: DataFile, error: Exception) -> UserError:
    return UserError(f"{file.path} can't be read as {file.suffix[1:]}: {' '.join(str(error).split())}")

"""Keep rows on disk: memory holds only the columns that decide what becomes of a row, and its place here."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather

from stages.prepare_data.notes import Notes

CHUNK_BYTES = 64_000_000  # of rows that are put in order at once
MOST_CHUNKS = 100  # files open at once: macOS allows 256
BATCH_TEXTS = 10_000


class Store:
    """Rows in the order in which they came, a file for each batch of them.

    Args:
        folder: it is made, and removed with `remove`.
    """

    def __init__(self, folder: Path, note: Notes) -> None:
        folder.mkdir()
        self.folder, self.note = folder, note
        self.starts = [0]  # the place of each batch's first row, and of the next
        self.bytes = 0
        self.schemas: list[pa.Schema] = []

    def __len__(self) -> int:
        return self.starts[-1]

    def add(self, rows: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
        pa.feather.write_feather(table, str(self.folder / str(len(self))), "lz4")
        self.starts.append(len(self) + len(rows))
        self.bytes += table.nbytes
        self.schemas.append(table.schema)

    def batches(self, columns: list[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
        """Yield each batch with the place of its first row."""
        for start in self.starts[:-1]:
            yield start, pa.feather.read_table(str(self.folder / str(start)), columns, memory_map=False)

    def texts(self, places: np.ndarray, column: str) -> Iterator[pa.Array]:
        """Yield the texts of the rows at some places, which ascend, in batches of at most BATCH_TEXTS."""
        for start, table in self.batches([column]):
            here = places[slice(*np.searchsorted(places, [start, start + len(table)]))] - start
            for first in range(0, len(here), BATCH_TEXTS):
                yield table[column].take(here[first : first + BATCH_TEXTS]).combine_chunks()

    def in_order(self, places: np.ndarray) -> Iterator[pa.Table]:
        """Yield the rows at some places in the order of these, in tables of about CHUNK_BYTES.

        A first pass deals them out to a file for each table, a second one puts each of these in order.
        """
        turns = np.full(len(self), -1)
        turns[places] = np.arange(len(places))
        share = self.bytes * len(places) / max(1, len(self))
        num_chunks = 1 + min(MOST_CHUNKS, int(share / CHUNK_BYTES))
        firsts = np.linspace(0, len(places), num_chunks + 1).astype(int)
        schema = common_schema(self.schemas, self.note)
        with TemporaryDirectory(dir=self.folder) as folder:
            files = [Path(folder) / str(number) for number in range(num_chunks)]
            with ExitStack() as stack:
                writers = [
                    stack.enter_context(pa.ipc.new_file(str(file), schema.append(pa.field("turn", pa.int64()))))
                    for file in files
                ]
                for start, table in self.batches():
                    turn = turns[start : start + len(table)]
                    order = np.argsort(turn)[np.count_nonzero(turn < 0) :]
                    dealt = cast(table.take(order), schema).append_column("turn", pa.array(turn[order]))
                    ends = np.searchsorted(turn[order], firsts)
                    for writer, first, end in zip(writers, ends[:-1], ends[1:], strict=True):
                        writer.write_table(dealt.slice(first, end - first))
            for file in files:
                with pa.OSFile(str(file)) as opened:
                    yield pa.ipc.open_file(opened).read_all().combine_chunks().sort_by("turn").drop_columns("turn")
                file.unlink()

    def read(self, places: np.ndarray) -> pd.DataFrame:
        """Return rows that are few enough for memory, in the order of their places."""
        return pa.concat_tables(self.in_order(places)).to_pandas()

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def common_schema(schemas: list[pa.Schema], note: Notes) -> pa.Schema:
    """Return the columns of all batches, each of a type that holds its values in every one, or else of texts."""
    types: dict[str, list[pa.Schema]] = {}
    for field in (field for schema in schemas for field in schema):
        types.setdefault(field.name, []).append(pa.schema([field]))
    fields = []
    for name, found in types.items():
        try:
            fields.append(pa.unify_schemas(found, promote_options="permissive").field(0))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            fields.append(pa.field(name, pa.large_string()))
            note(f"column {name} holds values of several types: they are kept as texts")
    return pa.schema(fields)


def cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of a schema; those that it lacks have no values."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        elif field.type == pa.large_string() and not is_text(table[field.name].type):
            texts = [None if value is None else str(value) for value in table[field.name].to_pylist()]
            columns.append(pa.array(texts, field.type))
        else:
            columns.append(table[field.name].cast(field.type))
    return pa.table(columns, schema)


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)

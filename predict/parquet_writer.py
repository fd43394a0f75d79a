"""Write rows as parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from predict.columns import text_of
from predict.parquet_file import import_pyarrow
from predict.rows import Columns, Row
from predict.writers import Writer

GROUP_BYTES = 32_000_000  # of a row group of a parquet output


class ParquetWriter(Writer):
    """Writes an Arrow stream, which can be cut and gone on with, and makes it a parquet file at the end."""

    def __init__(self, columns: Columns, kinds: dict[str, Any]) -> None:
        super().__init__(columns)
        self.arrow = import_pyarrow()
        added = {name: self.added_kind(name) for name in columns.added}
        kinds = {**kinds, **added}
        self.schema = self.arrow.schema([(name, self.arrow_type(kind)) for name, kind in kinds.items()])
        self.head = self.schema.serialize().to_pybytes()

    def added_kind(self, name: str) -> Any:
        kind = "float64" if "probabilit" in name else "string"
        return self.arrow.list_(self.arrow_type(kind)) if self.columns.several and name != "error" else kind

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
        records = [row.record(self.columns) for row in rows]
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

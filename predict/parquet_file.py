"""Read the rows of parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from predict.errors import PredictError
from predict.rows import Row, Source, one_line

BATCH_ROWS = 4096
BATCH_BYTES = 64_000_000  # of a batch, roughly: bounds memory where rows are large


def import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise PredictError("parquet files need pyarrow: pip install pyarrow") from error
    return pyarrow


def parquet_schema(path: Path) -> Any:
    pyarrow = import_pyarrow()
    try:
        return pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise PredictError(f"{path} is not a parquet file: {one_line(error)}") from error


def read_parquet(source: Source, file: BinaryIO) -> Iterator[Row]:
    pyarrow = import_pyarrow()
    number = 0
    try:
        table = pyarrow.parquet.ParquetFile(file)
        for batch in table.iter_batches(batch_size=batch_rows(table.metadata)):
            for index, fields in enumerate(plain_rows(pyarrow, batch)):
                number += 1
                position = source.size * number // table.metadata.num_rows
                row = source.row(number, fields, "", batch.nbytes // batch.num_rows, position)
                row.block, row.index = batch, index
                yield row
    except (pyarrow.ArrowException, OSError) as error:
        raise PredictError(f"{source.path} can't be read after row {number}: {one_line(error)}") from error


def batch_rows(metadata: Any) -> int:
    """Return how many rows of a file to read at once, by how large the largest are on average."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1)
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(1, largest))))


def plain_rows(pyarrow: Any, batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a record batch; points in time as strings, since Python's have no nanoseconds."""
    columns = {
        name: column.cast(pyarrow.string()) if pyarrow.types.is_timestamp(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pyarrow.RecordBatch.from_pydict(columns).to_pylist()

"""Where predicted rows go: a file that is whole or not there, standard output, or nowhere."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from predict.columns import find_columns
from predict.csv_records import DELIMITERS
from predict.errors import PredictError
from predict.parquet_file import import_pyarrow
from predict.readers import FORMATS
from predict.rows import Columns, Source
from predict.writers import CsvWriter, JsonlWriter, Writer


def make_writer(output: Path | None, sources: list[Source], columns: Columns, spreadsheet: bool) -> Writer:
    """Return the writer for an output by its suffix; standard output, None, takes jsonl.

    Raises:
        PredictError: when the output can't be written as such.
    """
    known = FORMATS.get(output.suffix.lower()) if output else "jsonl"
    if known is None or known == "txt":
        raise PredictError(f"{output}: the suffix of an output is one of .csv, .tsv, .jsonl, .parquet")
    if output and not output.parent.is_dir():
        raise PredictError(f"there is no folder {output.parent} to write {output.name} to")
    if output and output.exists() and not output.is_file():
        raise PredictError(f"{output} is {'a folder' if output.is_dir() else 'no file'}: --output names a file")
    if spreadsheet and known not in DELIMITERS:
        raise PredictError("--spreadsheet is for an --output that ends in .csv or .tsv")
    if known == "jsonl":
        return JsonlWriter(columns)
    if known == "parquet":
        import_pyarrow()
        from predict.parquet_writer import ParquetWriter

        return ParquetWriter(columns, find_columns(sources))
    return CsvWriter(columns, list(find_columns(sources)), DELIMITERS[known], spreadsheet)


class Output:
    """Takes rows, and counts them; by itself it keeps none.

    Attributes:
        rows: how many it has.
        state: what the run has counted so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.state: dict[str, Any] = {}

    def add(self, data: bytes, rows: int, state: dict[str, Any]) -> None:
        self.rows += rows
        self.state = state

    def finish(self, writer: Writer) -> None:
        """Put the whole output in its place."""

    def close(self) -> None:
        """Let others write it."""

    def what_is_kept(self) -> str:
        return f"{self.rows:,} rows are predicted; with an --output the same command would go on after them"


class StandardOutput(Output):
    """Rows written at once, and kept nowhere."""

    def add(self, data: bytes, rows: int, state: dict[str, Any]) -> None:
        write_all(sys.stdout.buffer, data)
        sys.stdout.buffer.flush()
        super().add(data, rows, state)


class PartialFile(Output):
    """The output so far, in a file beside it, with a journal that says how much of it is whole.

    Raises:
        PredictError: when another run holds it.
    """

    def __init__(self, output: Path, identity: dict[str, Any] | None, head: bytes) -> None:
        super().__init__()
        self.output, self.identity = output, identity
        self.path = output.with_name(f".{output.name}.partial")
        self.journal = output.with_name(f".{output.name}.partial.json")
        self.lock = FileLock(output.with_name(f".{output.name}.partial.lock"))
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise PredictError(f"another run is writing {self.output}: wait for it, or stop it") from error
        self.held = contextlib.ExitStack()
        self.held.callback(self.lock.release)
        try:
            self.file: BinaryIO = self.held.enter_context(self.path.open("a+b", buffering=0))
            self.begin(head)
        except OSError:
            self.close()
            raise

    def begin(self, head: bytes) -> None:
        """Go on after what is whole, or start."""
        self.rows, size, self.state = self.read_journal()
        if size == 0:
            self.journal.unlink(missing_ok=True)  # before the file changes under it
        self.file.truncate(size)
        if size == 0:
            self.add(head, 0, {})

    def read_journal(self) -> tuple[int, int, dict[str, Any]]:
        """Return the rows and bytes that are whole, and the run's state; zeros where this job has to begin."""
        try:
            journal = json.loads(self.journal.read_bytes())
            whole = journal["bytes"] <= self.path.stat().st_size
            if whole and journal["job"] == self.identity is not None:
                return journal["rows"], journal["bytes"], journal["state"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # it is read again from the start
        return 0, 0, {}

    def add(self, data: bytes, rows: int, state: dict[str, Any]) -> None:
        """Write some rows, and note that they are there once they are on the disk."""
        write_all(self.file, data)
        os.fsync(self.file.fileno())
        super().add(data, rows, state)
        if self.identity is not None:
            journal = {"job": self.identity, "rows": self.rows, "bytes": self.file.tell(), "state": self.state}
            new = self.journal.with_name(f"{self.journal.name}.new")
            with new.open("w", encoding="utf-8") as file:
                json.dump(journal, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.journal)

    def finish(self, writer: Writer) -> None:
        self.file.close()
        writer.finish(self.path, self.output)
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # Windows removes it at its release
            Path(self.lock.lock_file).unlink()  # while it is held: then no other run has it
        self.held.close()

    def what_is_kept(self) -> str:
        if self.identity is None:
            return "standard input can't be read again, so the next run begins at its start"
        return f"{self.rows:,} rows are done; the same command goes on after them"


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it also to a file that isn't buffered, as standard output where PYTHONUNBUFFERED is set."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]

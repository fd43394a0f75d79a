"""Predict the rows of files, chunk by chunk, so that a run that was stopped goes on where it was."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from predict.classifier import BATCH_TOKENS, Classifier, softmax
from predict.errors import PredictError
from predict.readers import CHUNK_BYTES, CHUNK_ROWS, Row, Source, read_chunks
from predict.writers import DECIMALS, JsonlWriter, make_writer

NAMED_ROWS = 20  # at most, of the rows with an error, on standard error


def predict_files(classifier: Classifier, sources: list[Source], output: Path | None, options: dict[str, Any]) -> None:
    """Write the rows of all sources with their predictions, one for one and in order, to a file or, None, to
    standard output. Progress, rows with an error and a summary go to standard error.

    Args:
        options: what else decides the output; a run with others doesn't go on from this one.

    Raises:
        PredictError: when the output can't be written; nothing is then at its place.
    """
    identity = job_identity(classifier, sources, output, options)
    writer = make_writer(output, sources)
    sink = PartialFile(output, identity, writer.head) if output else StandardOutput()
    progress = Progress(sources, sink.rows)
    try:
        for rows in read_chunks(sources, skip=sink.rows):
            predict_chunk(classifier, rows, progress)
            bad = [row for row in rows if row.error]
            progress.name_rows(bad[: max(0, NAMED_ROWS - sink.bad)])
            sink.add(writer.encode(rows), len(rows), len(bad))
        sink.finish(writer)
    except KeyboardInterrupt:
        progress.bar.close()
        print(f"interrupted: {sink.what_is_kept()}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, most often
        raise PredictError(f"{error.strerror or error}: {sink.what_is_kept()}") from error
    finally:
        progress.bar.close()
    progress.summarise(sink.bad)


def job_identity(
    classifier: Classifier, sources: list[Source], output: Path | None, options: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what decides every byte of the output; None where standard input does, which can't be read again."""
    if any(source.path is None for source in sources):
        return None
    found = [(source.path, source.path.stat()) for source in sources if source.path]
    return {
        **options,
        "inputs": [[str(path.resolve()), state.st_size, state.st_mtime_ns] for path, state in found],
        "output": str(output),
        "model": classifier.identity,
        "sizes": [CHUNK_ROWS, CHUNK_BYTES, BATCH_TOKENS],
    }


def predict_chunk(classifier: Classifier, rows: list[Row], progress: "Progress") -> None:
    """Give each row its label and probability, or an error."""
    progress.begin(rows)
    encoded = classifier.encode([row.text for row in rows])
    for row, ids in zip(rows, encoded, strict=True):
        if not row.error and not ids:
            row.error = "the text is empty"
    good = [row for row in rows if not row.error]
    progress.done(len(rows) - len(good))
    probabilities = softmax(classifier.logits([ids for ids in encoded if ids], progress.done))
    for row, found in zip(good, probabilities, strict=True):
        row.label = classifier.labels[int(found.argmax())]
        row.probability = round(float(found.max()), DECIMALS)


class Progress:
    """A bar over the bytes of the inputs with the rows done and their rate beside it, where a person can see it."""

    def __init__(self, sources: list[Source], rows: int) -> None:
        self.before = self.rows = rows
        self.started = time.monotonic()
        total = sum(source.size for source in sources)
        shape = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}" if total else "{elapsed}{postfix}"
        self.bar = tqdm(total=total, bar_format=shape, disable=None)
        if rows:
            self.bar.write(f"going on after row {rows:,}", file=sys.stderr)

    def begin(self, rows: list[Row]) -> None:
        """Note that a chunk was read."""
        self.bar.n = rows[0].end
        self.share = (rows[-1].end - rows[0].end) / len(rows)
        if self.rows == self.before:
            self.bar.initial = self.bar.n  # what was done before has no part in the rate

    def done(self, count: int) -> None:
        self.rows += count
        self.bar.set_postfix_str(f"{self.rows:,} rows, {self.rate():.1f} rows/s", refresh=False)
        self.bar.update(count * self.share)

    def rate(self) -> float:
        """Return rows per second, of this run."""
        return (self.rows - self.before) / (time.monotonic() - self.started)

    def name_rows(self, rows: list[Row]) -> None:
        for row in rows:
            self.bar.write(f"{row.place}: {row.error}", file=sys.stderr)

    def summarise(self, bad: int) -> None:
        seconds = time.monotonic() - self.started
        errors = f"{bad:,} with an error" + (f", the first {NAMED_ROWS} named above" if bad > NAMED_ROWS else "")
        print(f"{self.rows:,} rows, {errors}; {seconds:.1f} s, {self.rate():.1f} rows/s", file=sys.stderr)


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it also to a file that isn't buffered, as standard output where PYTHONUNBUFFERED is set."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


class StandardOutput:
    """Rows written at once, and kept nowhere."""

    rows = bad = 0

    def add(self, data: bytes, rows: int, bad: int) -> None:
        write_all(sys.stdout.buffer, data)
        sys.stdout.buffer.flush()
        self.rows += rows
        self.bad += bad

    def finish(self, writer: JsonlWriter) -> None:
        pass

    def what_is_kept(self) -> str:
        return f"{self.rows:,} rows are written; with an --output the same command would go on after them"


class PartialFile:
    """The output so far, in a file beside it, with a journal that says how much of it is whole.

    Attributes:
        rows, bad: how many rows are in it, and how many of them with an error.

    Raises:
        PredictError: when another run holds it.
    """

    def __init__(self, output: Path, identity: dict[str, Any] | None, head: bytes) -> None:
        self.output, self.identity = output, identity
        self.path = output.with_name(f".{output.name}.partial")
        self.journal = output.with_name(f".{output.name}.partial.json")
        self.file = self.open_alone()
        self.rows, self.bad, size = self.read_journal()
        if size == 0:
            self.journal.unlink(missing_ok=True)  # before the file changes under it
        self.file.truncate(size)
        if size == 0:
            self.add(head, 0, 0)

    def open_alone(self) -> BinaryIO:
        while True:
            file: BinaryIO = self.path.open("a+b", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PredictError(f"another run is writing {self.output}: wait for it, or stop it") from error
            if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                return file
            file.close()  # it was finished and renamed in between

    def read_journal(self) -> tuple[int, int, int]:
        """Return the rows, those with an error and the bytes that are whole; zeros where this job has to begin."""
        try:
            found = json.loads(self.journal.read_bytes())
            whole = found["bytes"] <= self.path.stat().st_size
            same = found["job"] == self.identity is not None
            return (found["rows"], found["bad"], found["bytes"]) if whole and same else (0, 0, 0)
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0, 0

    def add(self, data: bytes, rows: int, bad: int) -> None:
        """Write some rows, and note that they are there once they are on the disk."""
        write_all(self.file, data)
        os.fsync(self.file.fileno())
        self.rows += rows
        self.bad += bad
        if self.identity is not None:
            found = {"job": self.identity, "rows": self.rows, "bad": self.bad, "bytes": self.file.tell()}
            new = self.journal.with_name(f"{self.journal.name}.new")
            with new.open("w") as file:
                json.dump(found, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.journal)

    def finish(self, writer: JsonlWriter) -> None:
        """Put the whole output in its place."""
        writer.finish(self.path, self.output)
        self.journal.unlink(missing_ok=True)
        self.file.close()

    def what_is_kept(self) -> str:
        if self.identity is None:
            return "standard input can't be read again, so the next run begins at its start"
        return f"{self.rows:,} rows are done; the same command goes on after them"

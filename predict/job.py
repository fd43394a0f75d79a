"""Predict the rows of files, chunk by chunk, so that a run that was stopped goes on where it was."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predict.classifier import BATCH_TOKENS, Classifier
from predict.errors import PredictError
from predict.outputs import Output, PartialFile, StandardOutput, make_writer
from predict.progress import NAMED_ROWS, Progress
from predict.readers import CHUNK_BYTES, CHUNK_ROWS, read_chunks
from predict.rows import Columns, Row, Source
from predict.scores import Tally
from predict.set_scores import make_tally
from predict.writers import DECIMALS


@dataclass(frozen=True)
class Job:
    """What to predict, and where the rows go."""

    sources: list[Source]
    columns: Columns
    output: Path | None  # None is standard output
    write: bool  # no rows are written without
    spreadsheet: bool
    options: dict[str, Any]  # what else decides the output; a run with others doesn't go on from this one

    def identity(self, classifier: Classifier) -> dict[str, Any] | None:
        """Return what decides every byte of the output; None where standard input does, which can't be read again."""
        if any(source.path is None for source in self.sources):
            return None
        states = [(source.path, source.path.stat()) for source in self.sources if source.path]
        return {
            **self.options,
            "inputs": [[str(path.resolve()), state.st_size, state.st_mtime_ns] for path, state in states],
            "columns": [self.columns.texts, self.columns.label, self.columns.top, self.columns.added],
            "output": [str(self.output), self.spreadsheet],
            "model": classifier.identity,
            "sizes": [CHUNK_ROWS, CHUNK_BYTES, BATCH_TOKENS],
        }


def predict_files(classifier: Classifier, job: Job) -> Tally:
    """Write the rows of all sources with their predictions, one for one and in order, and return what was counted.
    Progress, rows with an error and a summary go to standard error.

    Raises:
        PredictError: when the output can't be written; nothing is then at its place.
    """
    writer = make_writer(job.output, job.sources, job.columns, job.spreadsheet)
    output = open_output(job, job.identity(classifier), writer.head)
    tally = make_tally(classifier, job.columns.label, output.state)
    progress = Progress(job.sources, output.rows)
    try:
        with heeded_interrupt():
            for rows in read_chunks(job.sources, skip=output.rows):
                predict_chunk(classifier, rows, job.columns.top, progress)
                bad = [row for row in rows if row.error]
                progress.name_rows(bad[: max(0, NAMED_ROWS - tally.bad)])
                tally.add(rows)
                output.add(writer.encode(rows) if job.write else b"", len(rows), tally.state())
            output.finish(writer)
    except KeyboardInterrupt:
        progress.bar.close()
        print(f"interrupted: {output.what_is_kept()}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, most often
        raise PredictError(f"{error.strerror or error}: {output.what_is_kept()}") from error
    finally:
        progress.bar.close()
        output.close()
    progress.summarise(tally.bad)
    return tally


def open_output(job: Job, identity: dict[str, Any] | None, head: bytes) -> Output:
    if not job.write:
        return Output()
    return PartialFile(job.output, identity, head) if job.output else StandardOutput()


@contextmanager
def heeded_interrupt() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, unless it is ignored as it is in the background."""
    before = signal.getsignal(signal.SIGINT)
    if callable(before):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def predict_chunk(classifier: Classifier, rows: list[Row], top: int | None, progress: Progress) -> None:
    """Give each row its labels with their probabilities, or an error."""
    progress.begin(rows)
    encoded = classifier.encode(*map(list, zip(*(row.texts for row in rows), strict=True)))
    for row, windows in zip(rows, encoded, strict=True):
        if not row.error and not windows:
            row.error = "the text is empty" if len(row.texts) == 1 else "a text of the pair is empty"
    good = [row for row in rows if not row.error]
    progress.done(len(rows) - len(good))
    logits = classifier.logits([windows for windows in encoded if windows], progress.done)
    for row, answers in zip(good, classifier.answers(classifier.probabilities_of(logits), top), strict=True):
        row.answers = [(label, round(probability, DECIMALS)) for label, probability in answers]

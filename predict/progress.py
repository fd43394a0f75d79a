"""Say how far a run is, and what it came upon."""

import sys
import time

from tqdm import tqdm

from predict.csv_records import RUN_LINES
from predict.rows import Row, Source

NAMED_ROWS = 20  # at most, of the rows with an error, on standard error


class Progress:
    """A bar over the bytes of the inputs with the rows done and their rate beside it, where a person can see it."""

    def __init__(self, sources: list[Source], rows: int) -> None:
        self.before = self.rows = rows
        self.started = time.monotonic()
        self.longest: Row | None = None  # of the rows of many lines
        self.long_rows = 0
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
        for row in rows:
            if row.lines >= RUN_LINES:
                self.long_rows += 1
                self.longest = max(self.longest or row, row, key=lambda each: each.lines)

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
        if self.longest:
            many = f"{self.long_rows:,} rows hold {RUN_LINES} lines or more, {self.longest.place} {self.longest.lines}"
            print(f"{many}: look whether a quote is open there", file=sys.stderr)

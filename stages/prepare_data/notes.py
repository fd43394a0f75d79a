"""Say what happens to the data, each thing once."""

import sys

import pandas as pd
from tqdm import tqdm


class Notes:
    """Prints lines beside the progress bars; a line that comes again, as for every batch of a file, is left out."""

    def __init__(self) -> None:
        self.said: set[str] = set()
        self.dropped: list[pd.DataFrame] = []

    def __call__(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            tqdm.write(f"note: {line}", file=sys.stderr)

    def drop(self, rows: pd.DataFrame, reason: str) -> int:
        """Remember rows that are dropped, and return how many they are."""
        self.dropped.append(rows[["place", "label"]].assign(reason=reason))
        return len(rows)

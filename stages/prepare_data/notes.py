"""Say what happens to the data, each thing once."""

import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

TEXT_SHOWN = 80  # characters


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
        self.dropped.append(
            rows[["origin", "row_id", "label"]].assign(reason=reason, text=rows["text"].str[:TEXT_SHOWN])
        )
        return len(rows)

    def list_dropped(self, path: Path) -> None:
        """Write a table of the rows that were dropped, with the reason for each and the beginning of its text."""
        table = (
            pd.concat(self.dropped) if self.dropped else pd.DataFrame(columns=["origin", "row_id", "label", "reason"])
        )
        table.to_csv(path, index=False, lineterminator="\n")

"""Keep more numbers than memory should hold: on disk, and read a part at a time."""

from pathlib import Path

import numpy as np

WAITING = 2_000_000  # numbers that are written at once: 16 MB


class Spill:
    """Numbers, uint64, each in one of so many parts; a part has a file in `folder`, which is made."""

    def __init__(self, folder: Path, parts: int) -> None:
        folder.mkdir()
        self.paths = [folder / str(part) for part in range(parts)]
        self.waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, parts: np.ndarray, numbers: np.ndarray) -> None:
        """Add numbers (n,), each to the part that `parts` says, uint8 (n,)."""
        self.waiting.append((parts, numbers))
        if sum(len(found) for _, found in self.waiting) > WAITING:
            self.write()

    def write(self) -> None:
        parts, numbers = map(np.concatenate, zip(*self.waiting, strict=True))
        self.waiting = []
        ends = np.cumsum(np.bincount(parts, minlength=len(self.paths)))
        for path, found in zip(self.paths, np.split(numbers[np.argsort(parts, kind="stable")], ends[:-1]), strict=True):
            with path.open("ab") as file:
                found.tofile(file)

    def read(self, part: int) -> np.ndarray:
        """Return the numbers of a part, sorted."""
        if self.waiting:
            self.write()
        path = self.paths[part]
        return np.sort(np.fromfile(path, dtype=np.uint64)) if path.exists() else np.zeros(0, dtype=np.uint64)

    def replace(self, part: int, numbers: np.ndarray) -> None:
        numbers.tofile(self.paths[part])

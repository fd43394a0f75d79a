"""Find pairs of texts that share shingles, on disk, in time that grows as the number of texts does.

Of each text the lowest hashes of its shingles are kept: a bottom-k sketch, which is MinHash with one hash function
(Broder, On the resemblance and containment of documents, 1997). A text with no more shingles than that is kept whole.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.prepare_data.spill import Spill

HASH_BITS = 48  # of a shingle: of a billion, a few are like another by chance
MOST_PARTS = 256  # of five million texts, each has a million shingles
ROW_BITS = 32  # of a text's number, in a pair
MOST_TEXTS = 2 ** (64 - HASH_BITS)  # added at once


class Sketches:
    """The sketches of `count` texts.

    Args:
        folder: an empty one.
        size: shingles kept of a text; None keeps all.
        common: of a shingle that more texts have, not all pairs of these are looked at.

    Attributes:
        totals: how many distinct shingles each text has, int32 (count,).
    """

    def __init__(self, folder: Path, count: int, size: int | None, common: int) -> None:
        self.folder, self.size, self.common = folder, size, common
        self.totals = np.zeros(count, dtype=np.int32)
        self.row_bits = count.bit_length()
        self.hash_bits = min(HASH_BITS, 72 - self.row_bits)
        self.parts = min(MOST_PARTS, 1 + count // 1000)
        self.shingles = Spill(folder / "shingles", self.parts)

    def add(self, first: int, runs: np.ndarray, owners: np.ndarray) -> None:
        """Add texts from number `first` on: the hashes of their shingles, (runs,), and the text of each, from 0."""
        keys = np.sort(owners.astype(np.uint64) << self.hash_bits | runs >> 64 - self.hash_bits)
        keys = keys[np.diff(keys, prepend=keys[:1] + np.uint64(1)) != 0]
        owners = (keys >> self.hash_bits).astype(np.int64)
        totals = np.bincount(owners)
        self.totals[first : first + len(totals)] = totals
        if self.size is not None:
            low = np.arange(len(keys)) - (np.cumsum(totals) - totals)[owners] < self.size
            keys, owners = keys[low], owners[low]
        hashes = keys & 2**self.hash_bits - 1
        rows = (owners + first).astype(np.uint64)
        self.shingles.add((hashes % self.parts).astype(np.uint8), hashes // self.parts << self.row_bits | rows)

    def pairs(self, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of texts, int64 (pairs, 2), and how many shingles of their sketches they share, two or more.

        Args:
            least: the fraction of the shorter one's shingles that two texts share at least, by what the sketches show.
        """
        popularity = self.drop_single()
        shared = Spill(self.folder / "pairs", self.parts)
        for part in tqdm(range(self.parts), desc="shared shingles", unit="part"):
            ends = np.sort(self.linked(self.shingles.read(part), popularity), axis=1)
            packed = ends[:, 0] << ROW_BITS | ends[:, 1]
            shared.add((ends[:, 0] * self.parts // len(popularity)).astype(np.uint8), packed.astype(np.uint64))
        kept = [self.frequent(shared.read(part), least) for part in range(self.parts)]
        return np.concatenate([pairs for pairs, _ in kept]), np.concatenate([counts for _, counts in kept])

    def drop_single(self) -> np.ndarray:
        """Drop shingles that one text alone has; return how many shingles of each text others have, int64 (count,)."""
        popularity = np.zeros(len(self.totals), dtype=np.int64)
        for part in tqdm(range(self.parts), desc="count shingles", unit="part"):
            entries = self.shingles.read(part)
            again = np.flatnonzero(np.diff(entries >> self.row_bits) == 0)
            entries = entries[np.union1d(again, again + 1)]
            self.shingles.replace(part, entries)
            popularity += np.bincount(self.rows(entries), minlength=len(popularity))
        return popularity

    def rows(self, entries: np.ndarray) -> np.ndarray:
        return (entries & 2**self.row_bits - 1).astype(np.int64)

    def linked(self, entries: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        """Return the pairs of texts that a part's shingles link, int64 (pairs, 2), as often as they do.

        Of a shingle with more than `common` texts, each is linked with the one before it, and with the hub: the text
        that has most of such shingles. That is what edited copies were made from, wherever it stands among them.
        """
        rows, hashes = self.rows(entries), entries >> self.row_bits
        starts = np.flatnonzero(np.diff(hashes, prepend=hashes[:1] + np.uint64(1)))
        sizes = np.diff(starts, append=len(rows))
        many = np.repeat(sizes > self.common, sizes)
        most = np.maximum.reduceat(popularity[rows] << ROW_BITS | rows, starts) if len(rows) else starts
        hubs = np.repeat(most & 2**ROW_BITS - 1, sizes)
        found = [np.stack([hubs, rows], axis=1)[many & (hubs != rows)]]
        at = np.arange(len(rows))
        for step in range(1, self.common):
            at = at[: np.searchsorted(at, len(rows) - step)]
            at = at[hashes[at] == hashes[at + step]]
            pairs = np.stack([rows[at], rows[at + step]], axis=1)
            found.append(pairs[~many[at] | ((pairs != hubs[at, None]).all(axis=1) & (step == 1))])
        return np.concatenate(found)

    def frequent(self, packed: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Return which pairs are there often enough, int64 (pairs, 2), and how often, int64 (pairs,)."""
        starts = np.flatnonzero(np.diff(packed, prepend=packed[:1] + np.uint64(1)))
        counts = np.diff(starts, append=len(packed))
        starts, counts = starts[counts > 1], counts[counts > 1]
        pairs = np.stack([packed[starts] >> ROW_BITS, packed[starts] & 2**ROW_BITS - 1], axis=1).astype(np.int64)
        shorter, longer = np.sort(self.totals[pairs], axis=1).T
        visible = 1 if self.size is None else np.minimum(1, self.size / longer)  # of the longer one's shingles
        enough = counts >= least * shorter * visible
        return pairs[enough], counts[enough]

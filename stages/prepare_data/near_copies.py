"""Find texts that are nearly the same."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from rapidfuzz.distance import Indel
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from stages.prepare_data.sketches import Sketches
from stages.prepare_data.words import shingles, words

EXACT_TEXTS = 50_000  # beyond so many, comparing all shingles takes too much time and room
SKETCH_SHINGLES = 96  # kept of a text, if there are more texts
COMMON_EXACT, COMMON = 50, 4  # texts with a shingle: comparing all that share one with more takes too long
SUSPECT = 0.05  # of its shingles that a text shares: below this it isn't worth a look (of a third edited, 0.13 stay)
EDITED = 0.6  # of both texts' words, in order: so much is left of a copy with a third edited (unrelated texts: 0.3)
FAMILY = 3  # edited copies at least: two texts alone may be by one hand
REMEMBERED = 2000  # texts whose words are kept in memory


def near_duplicate_groups(texts: Iterable[pa.Array], count: int, similarity: float, scratch_dir: Path) -> np.ndarray:
    """Return a group number for each text, int (count,): texts in one group are near duplicates of one another.

    Two texts are near duplicates when they share at least `similarity` of the shorter one's word 5-grams (shingle
    containment: Broder, On the resemblance and containment of documents, 1997), so that an excerpt counts as a copy
    of the whole. Up to EXACT_TEXTS texts, all pairs that share a shingle are compared; of more, those whose sketches
    share some. Copies edited all over share few shingles: where FAMILY texts or more are linked by words in the same
    order (the longest common subsequence), they are near duplicates too.

    Args:
        texts: in batches of at most 65,536.
        scratch_dir: a folder for what memory should not hold, while it is needed.
    """
    size, common = (None, COMMON_EXACT) if count <= EXACT_TEXTS else (SKETCH_SHINGLES, COMMON)
    with TemporaryDirectory(dir=scratch_dir) as folder:
        sketches = Sketches(Path(folder), count, size, common)
        path = Path(folder) / "words"
        lengths = store_words(texts, path, sketches)
        pairs, shared = sketches.pairs(SUSPECT)
        shorter = sketches.totals[pairs].min(axis=1)
        sure = (shared >= similarity * shorter) & (shorter <= (size or shorter))
        found, edited = judge(path, lengths, pairs[~sure], similarity)
    copies = np.concatenate([pairs[sure], found])
    together = components(count, np.concatenate([copies, edited]))
    families = np.bincount(together) >= FAMILY
    return components(count, np.concatenate([copies, edited[families[together[edited[:, 0]]]]]))


def store_words(texts: Iterable[pa.Array], path: Path, sketches: Sketches) -> np.ndarray:
    """Write the hashes of all texts' words to a file, and their shingles to sketches; return each text's number of
    words, int64 (texts,)."""
    lengths, count = [], 0
    with path.open("wb") as file, tqdm(total=len(sketches.totals), desc="shingles", unit="text") as bar:
        for batch in texts:
            found, owners = words(batch)
            found.tofile(file)
            sketches.add(count, *shingles(found, owners))
            count += len(batch)
            lengths.append(np.bincount(owners, minlength=len(batch)))
            bar.update(len(batch))
    return np.concatenate(lengths)


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    links = csr_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1]


def judge(path: Path, lengths: np.ndarray, pairs: np.ndarray, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the pairs, int (pairs, 2), that share enough shingles, and those that are edited copies.

    Args:
        path: a file of the words of all texts, as uint32.
        lengths: words of each text, int64 (texts,).
    """
    starts = np.cumsum(lengths) - lengths

    @lru_cache(REMEMBERED)
    def read(row: int) -> tuple[list[int], set[int]]:
        file.seek(4 * starts[row])
        found = np.frombuffer(file.read(4 * lengths[row]), dtype=np.uint32)
        return found.tolist(), set(shingles(found, np.zeros(len(found), dtype=int))[0].tolist())

    copies, edited = [], []
    with path.open("rb") as file:
        for one, other in tqdm(pairs.tolist(), desc="near copies", unit="pair", disable=len(pairs) < 1000):
            (words_one, set_one), (words_other, set_other) = read(one), read(other)
            shared = len(set_one & set_other)
            if shared >= similarity * min(len(set_one), len(set_other)):
                copies.append((one, other))
            elif Indel.normalized_similarity(words_one, words_other, score_cutoff=max(EDITED, similarity)):
                edited.append((one, other))
    return np.array(copies, dtype=int).reshape(-1, 2), np.array(edited, dtype=int).reshape(-1, 2)

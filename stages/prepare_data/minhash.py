"""Find pairs of texts that may be near copies, in time that grows as their number does."""

import numpy as np
import pandas as pd
from rensa import RMinHash
from tqdm import tqdm

from stages.prepare_data.words import shingles, words

NUM_HASHES = 96  # each one a band of its own: a pair is found when they agree in one
AGREEING = 2  # hashes, for a pair to be worth a look: a set phrase agrees in one
BATCH_TEXTS = 5000  # bounds memory
SEED = 42


def minhash_pairs(texts: pd.Series) -> np.ndarray:
    """Return pairs of texts, int (pairs, 2), that share shingles by their MinHash (Broder, 1997).

    Of the texts that agree in a hash, neighbours in the data and the first one are paired, so that the pairs of a text
    that was copied many times are as many as its copies.
    """
    signatures = np.full((len(texts), NUM_HASHES), 0, dtype=np.uint32)
    empty = np.zeros(len(texts), dtype=bool)
    with tqdm(total=len(texts), desc="minhash", unit="text") as bar:
        for start in range(0, len(texts), BATCH_TEXTS):
            found = [shingles(words(text)) for text in texts.iloc[start : start + BATCH_TEXTS]]
            sizes = np.array(list(map(len, found)))
            offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64)
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(
                np.concatenate(found) if found else np.zeros(0, np.uint64), offsets, NUM_HASHES, SEED
            )
            signatures[start : start + len(found)] = matrix.to_rows()
            empty[start : start + len(found)] = sizes == 0
            bar.update(len(found))
    with_words = np.flatnonzero(~empty)
    pairs = np.zeros((0, 2), dtype=int)
    for band in tqdm(range(NUM_HASHES), desc="near copies", unit="band"):
        order = with_words[np.argsort(signatures[with_words, band], kind="stable")]
        pairs = np.concatenate([pairs, agreeing(neighbours(signatures[order, band], order), signatures)])
    return np.unique(pairs, axis=0)


def neighbours(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return pairs of rows with the same key, int (pairs, 2): each with the one before it, and with the first.

    Args:
        keys: sorted, (n,).
        rows: ascending among those of one key, int (n,).
    """
    same = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    starts = np.maximum.accumulate(np.where(np.concatenate([[True], keys[1:] != keys[:-1]]), np.arange(len(keys)), 0))
    pairs = np.concatenate([np.stack([rows[same - 1], rows[same]], 1), np.stack([rows[starts[same]], rows[same]], 1)])
    return np.unique(pairs, axis=0)


def agreeing(pairs: np.ndarray, signatures: np.ndarray) -> np.ndarray:
    """Return the pairs whose signatures agree in AGREEING hashes or more."""
    enough = [
        (signatures[part[:, 0]] == signatures[part[:, 1]]).sum(axis=1) >= AGREEING
        for part in np.array_split(pairs, len(pairs) // 100_000 + 1)
    ]
    return pairs[np.concatenate(enough)]

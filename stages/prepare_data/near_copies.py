"""Find texts that are nearly the same."""

from functools import lru_cache

import numpy as np
import pandas as pd
from rapidfuzz.distance import Indel
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer
from tqdm import tqdm

from stages.prepare_data.minhash import minhash_pairs, neighbours
from stages.prepare_data.words import SHINGLE_WORDS, shingles, split_words, words

EXACT_TEXTS = 50_000  # beyond so many, comparing all takes too much time and memory
COMMON_SHINGLE = 50  # texts: comparing all that share a shingle with more takes too long
SUSPECT = 0.05  # of its shingles that a text shares: below this it isn't worth a look (of a third edited, 0.13 stay)
EDITED = 0.6  # of both texts' words, in order: so much is left of a copy with a third edited (unrelated texts: 0.3)
FAMILY = 3  # edited copies at least: two texts alone may be by one hand
REMEMBERED = 20_000  # texts whose words are kept in memory


def near_duplicate_groups(texts: pd.Series, similarity: float) -> np.ndarray:
    """Return a group number for each text, int (n,): texts in one group are near duplicates of one another.

    Two texts are near duplicates when they share at least `similarity` of the shorter one's word 5-grams (shingle
    containment: Broder, On the resemblance and containment of documents, 1997), so that an excerpt counts as a copy
    of the whole. Up to EXACT_TEXTS texts, all pairs that share a shingle are compared; of more, those that minhash
    finds.
    Copies edited all over share few shingles: where FAMILY texts or more are linked by words in the same order (the
    longest common subsequence), they are near duplicates too.
    """
    if len(texts) <= EXACT_TEXTS:
        copies, candidates = compare_all(texts, similarity)
    else:
        copies, candidates = np.zeros((0, 2), dtype=int), minhash_pairs(texts)
    found, edited = judge(texts, candidates, similarity)
    copies = np.concatenate([copies, found])
    together = components(len(texts), np.concatenate([copies, edited]))
    families = np.bincount(together) >= FAMILY
    return components(len(texts), np.concatenate([copies, edited[families[together[edited[:, 0]]]]]))


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    links = csr_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1]


def compare_all(texts: pd.Series, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that share enough shingles, and those that are worth a look, both int (pairs, 2).

    The comparison is exact for shingles of at most COMMON_SHINGLE texts. Of those with a commoner one, neighbours in
    the data and the first one are worth a look: so every copy of a text is, however many there are.
    """
    vectorizer = HashingVectorizer(
        ngram_range=(SHINGLE_WORDS, SHINGLE_WORDS),
        tokenizer=split_words,
        token_pattern=None,
        norm=None,
        alternate_sign=False,
        n_features=2**24,
    )
    matrix = vectorizer.transform(texts)
    matrix.data[:] = 1
    total = np.asarray(matrix.sum(axis=1)).ravel()
    frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
    shared_only = csr_matrix(matrix[:, np.flatnonzero((frequency > 1) & (frequency <= COMMON_SHINGLE))])
    shared = (shared_only @ shared_only.T).tocoo()
    upper = shared.row < shared.col
    pairs, counts = np.stack([shared.row[upper], shared.col[upper]], axis=1), shared.data[upper]
    shorter = np.minimum(total[pairs[:, 0]], total[pairs[:, 1]])
    copies = counts >= similarity * shorter
    suspects = ~copies & (counts >= SUSPECT * shorter) & (counts > 1)

    common = csr_matrix(matrix[:, np.flatnonzero(frequency > COMMON_SHINGLE)])
    held = np.asarray(common.sum(axis=1)).ravel()
    rows = np.flatnonzero((held > 1) & (held >= SUSPECT * total))
    linked = csr_matrix(common[rows]).tocsc()
    columns = np.repeat(np.arange(linked.shape[1]), np.diff(linked.indptr))
    return pairs[copies], np.unique(
        np.concatenate([pairs[suspects], neighbours(columns, rows[linked.indices])]), axis=0
    )


def judge(texts: pd.Series, pairs: np.ndarray, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the pairs, int (pairs, 2), that share enough shingles, and those that are edited copies."""

    @lru_cache(REMEMBERED)
    def read(row: int) -> tuple[list[int], np.ndarray]:
        found = words(texts.iloc[row])
        return found.tolist(), np.unique(shingles(found))

    copies, edited = [], []
    for one, other in tqdm(pairs, desc="near copies", unit="pair", disable=len(pairs) < 1000):
        (words_one, set_one), (words_other, set_other) = read(int(one)), read(int(other))
        shared = len(np.intersect1d(set_one, set_other, assume_unique=True))
        if shared >= similarity * max(1, min(len(set_one), len(set_other))):
            copies.append((one, other))
        elif Indel.normalized_similarity(words_one, words_other, score_cutoff=max(EDITED, similarity)):
            edited.append((one, other))
    return np.array(copies, dtype=int).reshape(-1, 2), np.array(edited, dtype=int).reshape(-1, 2)

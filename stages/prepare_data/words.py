"""Cut texts into what copies are compared by: words, or characters where no spaces stand between words."""

from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SPACELESS = (  # scripts without spaces between words
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
CHARACTER = rf"([{SPACELESS}]\pM*)"  # with the combining marks that belong to it
BETWEEN = r"[^\pL\pN\pM_]+"
SHINGLE_WORDS = 5  # long enough that two reviews rarely share one by chance
MIX = np.uint64(0x9E3779B97F4A7C15)  # spreads the hashes of words over 64 bits


def words(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return a hash of each word of the texts, in order, uint32 (words,), and which text it is in, int64 (words,)."""
    lower = pc.utf8_lower(texts)
    if not pc.all(pc.string_is_ascii(lower), min_count=0).as_py():
        lower = pc.replace_substring_regex(lower, CHARACTER, r" \1 ")
    found = pc.split_pattern_regex(lower, BETWEEN)
    encoded = found.flatten().dictionary_encode()
    hashes = np.array([crc32(word.encode()) for word in encoded.dictionary.to_pylist()], dtype=np.uint32)
    numbers, owners = encoded.indices.to_numpy(), pc.list_parent_indices(found).to_numpy()
    filled = pc.binary_length(encoded.dictionary).to_numpy()[numbers] > 0  # not what stands before the first of them
    return hashes[numbers[filled]], owners[filled]


def shingles(found: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a hash of each run of SHINGLE_WORDS words of a text, uint64 (runs,), and the text that it is in, (runs,).

    Wrapping products mix the words' hashes.

    Args:
        found: the hashes of words, uint32 (words,).
        owners: the text of each, in order, int (words,).
    """
    runs = np.zeros(max(0, len(found) - SHINGLE_WORDS + 1), dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        runs = (runs ^ found[place : place + len(runs)]) * MIX
        runs ^= runs >> np.uint64(29)
    whole = owners[: len(runs)] == owners[len(owners) - len(runs) :]
    return runs[whole], owners[: len(runs)][whole]

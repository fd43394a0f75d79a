"""Cut a text into what copies are compared by: words, or characters where no spaces stand between words."""

import re
import sys
import unicodedata
from itertools import groupby
from zlib import crc32

import numpy as np

SPACELESS = (  # scripts without spaces between words
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)


def mark_ranges() -> str:
    """Return the ranges of all combining marks, for a class of a regular expression: `\\w` leaves them out."""
    marks = (code for code in range(128, sys.maxunicode) if unicodedata.category(chr(code))[0] == "M")
    runs = groupby(enumerate(marks), key=lambda item: item[1] - item[0])
    codes = ([code for _, code in run] for _, run in runs)
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in codes)


MARKS = mark_ranges()
WORD = rf"[{SPACELESS}][{MARKS}]*|(?:[^\W{SPACELESS}][{MARKS}]*)+"  # in English, as \w+
SHINGLE_WORDS = 5  # long enough that two reviews rarely share one by chance
WORDS, ASCII_WORDS = re.compile(WORD), re.compile(r"\w+", re.ASCII)
MIX = np.uint64(0x9E3779B97F4A7C15)  # spreads the hashes of words over 64 bits


def split_words(text: str) -> list[str]:
    return ASCII_WORDS.findall(text) if text.isascii() else WORDS.findall(text)  # the first is faster


def words(text: str) -> np.ndarray:
    """Return a hash of each word of a text, in order, uint64 (words,)."""
    return np.array([crc32(word.encode("utf-8", "surrogatepass")) for word in split_words(text.lower())], np.uint64)


def shingles(found: np.ndarray) -> np.ndarray:
    """Return a hash of each run of SHINGLE_WORDS words, uint64 (runs,); wrapping products mix the words' hashes."""
    if len(found) < SHINGLE_WORDS:
        return np.zeros(0, dtype=np.uint64)
    runs = np.zeros(len(found) - SHINGLE_WORDS + 1, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        runs = (runs ^ found[place : place + len(runs)]) * MIX
        runs ^= runs >> np.uint64(29)
    return runs

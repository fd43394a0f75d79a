"""Cut a text into what copies are compared by: words, or characters where no spaces stand between words."""

import sys
import unicodedata
from itertools import groupby

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

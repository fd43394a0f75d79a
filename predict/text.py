"""Clean a text, the same way for training and for prediction.

Standard library only. The time that a text takes grows with its length, whatever stands in it.
"""

import html
import itertools
import re
import unicodedata

LINE_BREAK_TAG = re.compile(r"<\s*+(?:/\s*+)?(?:br|p)\s*+(?:/\s*+)?>", re.IGNORECASE)
LONG_NUMBER = re.compile(r"&#([0-9]{9,});?")  # of a character: the highest has seven digits
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd]")
MARKS = re.compile("[\u0300-\U0010ffff]{100,}")  # where so many combining marks can follow one another
SPACE = re.compile(r"\s+")
OPENING = re.compile("[&<]")
MAX_PASSES = 8  # an entity can hide another: &amp;quot;


def clean_text(text: str) -> str:
    """Return `text` with HTML line breaks and entities resolved, Unicode composed (NFKC), control characters
    removed and every run of white space made one space. What is clean stays as it is.

    Where entities or tags are hidden in one another more than MAX_PASSES deep, which no one writes by mistake, what is
    left of them loses its `&` and `<`.
    """
    for _ in range(MAX_PASSES):
        if (cleaned := clean_once(text)) == text:
            return text
        text = cleaned
    return SPACE.sub(" ", OPENING.sub(" ", text)).strip()


def clean_once(text: str) -> str:
    text = LINE_BREAK_TAG.sub(" ", html.unescape(LONG_NUMBER.sub(shorten_number, LINE_BREAK_TAG.sub(" ", text))))
    return SPACE.sub(" ", CONTROL.sub(" ", compose(text))).strip()


def shorten_number(reference: re.Match[str]) -> str:
    """Return a reference to the same character with few digits: Python refuses to read thousands of them."""
    digits = reference[1].lstrip("0") or "0"
    return f"&#{digits if len(digits) < 8 else 9999999};"  # beyond the highest, all stand for none


def compose(text: str) -> str:
    """Return the NFKC form of a text.

    `unicodedata` sorts combining marks by insertion: 80,000 in a row took it 12 seconds. Where there may be many they
    are decomposed and sorted before, which leaves the form as it is (Unicode Standard Annex #15).
    """
    if unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", MARKS.sub(sort_marks, text))


def sort_marks(run: re.Match[str]) -> str:
    parts = "".join(unicodedata.normalize("NFKD", character) for character in run[0])
    groups = itertools.groupby(parts, lambda character: unicodedata.combining(character) > 0)
    return "".join("".join(sorted(group, key=unicodedata.combining) if marks else group) for marks, group in groups)

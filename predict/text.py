"""Clean a text and choose the part of it that is kept, the same way for training and for prediction.

Standard library only.
"""

import html
import re
import unicodedata

LINE_BREAK_TAG = re.compile(r"<\s*/?\s*(?:br|p)\s*/?\s*>", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd]")
SPACE = re.compile(r"\s+")


def clean_text(text: str) -> str:
    """Return `text` with HTML line breaks and entities resolved, Unicode composed (NFKC), control characters
    removed and every run of white space made one space. What is clean stays as it is."""
    while (cleaned := clean_once(text)) != text:  # an entity can hide another: &amp;quot;
        text = cleaned
    return text


def clean_once(text: str) -> str:
    text = LINE_BREAK_TAG.sub(" ", html.unescape(LINE_BREAK_TAG.sub(" ", text)))
    return SPACE.sub(" ", CONTROL.sub(" ", unicodedata.normalize("NFKC", text))).strip()


def truncate(ids: list[int], room: int, truncation: str, head_fraction: float) -> list[int]:
    """Return at most `room` of a text's token ids: its start, its end, or some of both."""
    if len(ids) <= room:
        return ids
    head = {"head": room, "tail": 0, "head_tail": round(room * head_fraction)}[truncation]
    return ids[:head] + ids[len(ids) - (room - head) :]

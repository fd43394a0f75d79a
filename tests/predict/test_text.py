"""A text is cleaned the same way whatever hides in it, in a time that grows with its length alone."""

import html
import re
import time
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from predict.text import CONTROL, MAX_PASSES, clean_text
from predict.tokens import truncate

ENTITIES = ["&", "&amp;", "amp;", "amp", "#38;", "&#38", "&semi", "&lt;", "gt;", "&#60;", "&#x26;", "&#112;", "&nbsp;"]
LETTERS = ["not", "in;", ";", "x", "<", ">", "/", "br", "p", "BR", "=", "e", "\x01", "\u200b", "\ud83d", "\ufffd"]
COMPOSED = ["\uff06", "\uff1b", "\uff41", "\ufdfa", "\u4e2d", "\u0301", "\u0316", "\u0338", "\u1100", "\u1161"]
PIECES = [*ENTITIES, *LETTERS, *COMPOSED, " ", "\n", "\t", "\u00a0", "\u2028"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)
MARKED = st.lists(
    st.sampled_from(["\u0301", "\u0316", "\u0f73", "\u0344", "\u05b0", "e", "\u4e2d", "\u1100", "\u1161"])
)


def once(text: str) -> str:
    """One pass by the plainest of means: it may take long."""
    tag = r"(?i)<\s*/?\s*(?:br|p)\s*/?\s*>"
    text = re.sub(tag, " ", html.unescape(re.sub(tag, " ", text)))
    return re.sub(r"\s+", " ", CONTROL.sub(" ", unicodedata.normalize("NFKC", text))).strip()


@given(TEXTS)
def test_a_text_is_cleaned_until_nothing_changes(text: str) -> None:
    expected = text
    for _ in range(MAX_PASSES):
        expected = once(expected)
    assume(once(expected) == expected)
    assert clean_text(text) == expected


@given(st.lists(st.sampled_from(["&", "amp;", "<", "br>", "&semi", ";", " "]), min_size=15, max_size=60).map("".join))
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(MARKED, MARKED)
def test_many_combining_marks_are_composed_as_few_are(first: list[str], second: list[str]) -> None:
    text = "".join(first * 20 + second * 20)
    assert clean_text(text) == once(text)


@pytest.mark.parametrize(
    "text",
    [
        "&" + "amp;" * 20_000,
        "&" + "#38" * 20_000,
        "&semi" * 20_000 + ";",
        "<" + " " * 80_000,
        "<" * 20_000 + "br>" * 20_000,
        "a" + "\u0301\u0316" * 40_000,
        "\u0f73" * 40_000,
        "&#" + "0" * 80_000 + "38;",
        "&#" + "9" * 80_000 + ";",
    ],
    ids=["amp", "number", "semicolon", "spaces", "tags", "marks", "decomposed", "zeros", "digits"],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    cleaned = clean_text(text)
    assert time.process_time() - started < 3, "it took 6 to 600 seconds where it grew with the square of the length"
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("A <br /> great&nbsp;film &amp; the ﬁnest\tplot\u200b of it", "A great film & the finest plot of it"),
        ("&amp;amp;quot;", '"'),
        ("&#" + "0" * 5000 + "65;", "A"),
        ("a&#" + "9" * 5000 + ";b", "a b"),
        ("3 < 4 & 5", "3 < 4 & 5"),
        ("\u200b\ufffd", ""),
    ],
)
def test_what_cleaning_does(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(st.lists(st.integers()), st.integers(0, 20), st.floats(0, 1))
def test_a_cut_keeps_what_it_says(ids: list[int], room: int, fraction: float) -> None:
    for how in ("head", "tail", "head_tail"):
        kept = truncate(ids, room, how, fraction)
        assert len(kept) == min(len(ids), room)
    assert truncate(ids, room, "head", fraction) == ids[:room]
    assert truncate(ids, room, "tail", fraction) == ids[max(0, len(ids) - room) :]

"""Which texts are the same but for dress."""

from pathlib import Path

import pandas as pd
import pytest
from rows_on_disk import stored
from tiny import PARAMS

from predict.text import clean_text
from stages.common.params import load_params
from stages.prepare_data.columns import GIVEN, TIME
from stages.prepare_data.copy_key import copy_key
from stages.prepare_data.duplicates import drop_unusable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("यह फिल्म अच्छी है", "यह फिल्म अच्छा है"),  # Hindi: they differ in a vowel mark
        ("ไม่ดี", "ไมดี"),  # Thai: in a tone mark
        ("nice 👍", "nice 👎"),
        ("👍", "👎"),
        ("👍🏻", "👍🏿"),
        ("what a day :)", "what a day :("),
        ("what a day:-)", "what a day:-("),
        ("well ;)", "well"),
        ("(: fine", "): fine"),
        ("I <3 it", "I </3 it"),
        ("5 €", "5 £"),
        ("!!!", "???"),
    ],
)
def test_texts_that_say_another_thing_have_another_key(one: str, other: str) -> None:
    assert copy_key(clean_text(one)) != copy_key(clean_text(other)) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A, b: c!", "a b c"),
        ("“Fine”, he said…", '"fine" he said...'),
        ("it's http://a.b/c", "its http: a b c"),
        ("cafe\u0301", "CAFÉ"),
        ("<b>a</b> + b", "b a b b"),
    ],
)
def test_texts_in_another_dress_have_one_key(one: str, other: str) -> None:
    assert copy_key(clean_text(one)) == copy_key(clean_text(other))


def test_hindi_rows_and_texts_of_emoji_alone_are_kept(tmp_path: Path) -> None:
    words = ["फिल्म", "कहानी", "अभिनय", "संगीत", "अंत"]
    texts = [
        f"{first} {second} {mark}" for first in words for second in words for mark in ("अच्छा", "अच्छी", "अच्छे", "अच्छि")
    ]
    texts += ["👍", "👎", " <br /> "]
    rows = pd.DataFrame({"text": texts, "label": [f"{number % 2}" for number in range(len(texts))]})
    rows = rows.assign(origin=[f"f:{row}" for row in range(1, len(rows) + 1)], group="", **{GIVEN: "", TIME: None})
    found, store = stored(rows, tmp_path)
    kept, dropped = drop_unusable(found, load_params(PARAMS).data, store)
    assert dropped["empty"] == 1
    assert (len(kept), sum(dropped.values())) == (102, 1)

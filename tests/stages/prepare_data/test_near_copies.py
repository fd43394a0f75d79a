"""Near copies that were planted are found, and nothing else is."""

from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from stages.prepare_data import near_copies
from stages.prepare_data.near_copies import near_duplicate_groups

ENGLISH = [f"word{number}" for number in range(3000)]
CHINESE = [chr(code) for code in range(0x4E00, 0x4E00 + 1500)]
THAI = [chr(code) for code in range(0x0E01, 0x0E2F)]


def random_texts(alphabet: list[str], count: int, random: Random) -> list[list[str]]:
    """Texts of 60 to 160 words or characters, some far commoner than others."""
    weights = [1 / (rank + 10) for rank in range(len(alphabet))]
    return [random.choices(alphabet, weights, k=random.randrange(60, 160)) for _ in range(count)]


def edited(text: list[str], fraction: float, alphabet: list[str], random: Random) -> list[str]:
    places = set(random.sample(range(len(text)), int(len(text) * fraction)))
    return [random.choice(alphabet) if place in places else word for place, word in enumerate(text)]


def grouped(texts: list[str], folder: Path) -> np.ndarray:
    batches = (pa.array(texts[start : start + 100]) for start in range(0, len(texts), 100))
    return near_duplicate_groups(batches, len(texts), 0.5, folder)


def found_fraction(groups: np.ndarray, members: list[int]) -> float:
    return float((groups[members] == np.bincount(groups[members]).argmax()).mean())


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "sketches"])
@pytest.mark.parametrize(("alphabet", "space"), [(ENGLISH, " "), (CHINESE, "")], ids=["words", "characters"])
def test_copies_edited_in_up_to_a_third_of_the_words_are_found_however_many(
    alphabet: list[str], space: str, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The originals stand anywhere among their copies."""
    monkeypatch.setattr(near_copies, "EXACT_TEXTS", 10**6 if exact else 0)
    random = Random(0)
    texts = random_texts(alphabet, 400, random)
    planted = [[original] for original in range(3)]
    for members, copies in zip(planted, (5, 60, 500), strict=True):
        original = texts[members[0]]
        members += range(len(texts), len(texts) + copies)
        texts += [edited(original, random.uniform(0, 1 / 3), alphabet, random) for _ in range(copies)]
    order = random.sample(range(len(texts)), len(texts))
    groups = np.empty(len(texts), dtype=int)
    groups[order] = grouped([space.join(texts[row]) for row in order], tmp_path)
    for members in planted:
        assert found_fraction(groups, members) >= 0.98
    others = np.bincount(groups, minlength=len(texts))[groups[3:400]]
    assert (others == 1).all()


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "sketches"])
def test_excerpts_and_lightly_edited_pairs_are_found_and_two_that_differ_in_a_third_are_left(
    exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_copies, "EXACT_TEXTS", 10**6 if exact else 0)
    random = Random(1)
    texts = random_texts(ENGLISH, 200, random)
    texts += [text[: len(text) // 2] for text in texts[:30]]
    texts += [edited(text, 0.05, ENGLISH, random) for text in texts[30:60]]
    texts += [edited(text, 0.33, ENGLISH, random) for text in texts[60:90]]
    groups = grouped([" ".join(text) for text in texts], tmp_path)
    assert (groups[:60] == groups[200:260]).mean() >= 0.98
    assert (groups[60:90] != groups[260:290]).all()


def test_thai_copies_are_found_by_characters(tmp_path: Path) -> None:
    random = Random(2)
    texts = ["".join(text) for text in random_texts(THAI, 100, random)]
    texts += [f"{text[:40]}ก{text[41:]}" for text in texts[:50]]
    groups = grouped(texts, tmp_path)
    assert (groups[:50] == groups[100:]).all()


def test_texts_too_short_for_a_shingle_are_no_near_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a b c", "a b d", "", "one two three four"] * 2
    for limit in (0, 100):
        monkeypatch.setattr(near_copies, "EXACT_TEXTS", limit)
        assert len(set(grouped(texts, tmp_path))) == 8

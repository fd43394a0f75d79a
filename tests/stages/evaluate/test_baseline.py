"""The linear baseline is as good as it can be had for little, and finds planted label errors."""

import math
from random import Random

import numpy as np
import pandas as pd
import pytest
from tiny import labelled_texts

from scoring.scores import classification_scores
from stages.evaluate.baseline import linear_baseline
from stages.evaluate.label_errors import label_errors


def prepared(num_rows: int, flipped: list[int]) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Return splits as prepare-data leaves them and their class numbers; some of the train labels are wrong."""
    splits, truth = {}, {}
    for seed, split in enumerate(("train", "validation", "test")):
        texts, numbers = zip(*labelled_texts(num_rows, seed), strict=True)
        truth[split] = np.array(numbers)
        if split == "train":
            truth[split][flipped] = 1 - truth[split][flipped]
        origin = [f"{split}.csv:{row}" for row in range(1, num_rows + 1)]
        label = np.array(["negative", "positive"])[truth[split]]
        splits[split] = pd.DataFrame({"text": texts, "label": label, "origin": origin, "row_id": origin})
    return splits, truth


def test_planted_label_errors_are_found() -> None:
    flipped = [3, 50, 77, 120, 181]
    splits, truth = prepared(200, flipped)
    found = linear_baseline(splits, truth, np.ones(2), 0)
    probabilities, suspicions = found.answers, found.suspicions
    assert classification_scores(truth["test"], probabilities)["accuracy"] > 0.95
    found = label_errors(splits["train"], truth["train"], suspicions, ["negative", "positive"])
    assert set(found["origin"]) == {f"train.csv:{row + 1}" for row in flipped}
    assert (found["label"] != found["suggested"]).all()
    assert (found["score"] < 0.5).all()
    assert found["score"].is_monotonic_increasing
    clean, truth = prepared(200, [])
    suspicions = linear_baseline(clean, truth, np.ones(2), 0).suspicions
    assert len(label_errors(clean["train"], truth["train"], suspicions, ["negative", "positive"])) == 0


def test_the_baseline_copes_with_classes_that_are_rare_in_training() -> None:
    splits, truth = prepared(60, [])
    truth["train"][0] = 3  # one row of class 3, and none of class 2
    truth["test"][:2] = 2
    fitted = linear_baseline(splits, truth, np.ones(4), 0)
    probabilities, suspicions = fitted.answers, fitted.suspicions
    for found in (probabilities, suspicions):
        assert found.shape == (60, 4)
        np.testing.assert_allclose(found.sum(axis=1), 1)
    assert math.isfinite(classification_scores(truth["test"], probabilities)["log_loss"])
    label_errors(splits["train"], truth["train"], suspicions, list("abcd"))


@pytest.mark.parametrize("num_rows", [2, 3, 4, 5, 6])
def test_the_baseline_copes_with_a_handful_of_rows(num_rows: int) -> None:
    splits, truth = prepared(num_rows, [])
    fitted = linear_baseline(splits, truth, np.ones(2), 0)
    for found in (fitted.answers, fitted.suspicions):
        np.testing.assert_allclose(found.sum(axis=1), 1)
    found = label_errors(splits["train"], truth["train"], fitted.suspicions, ["negative", "positive"])
    assert len(found) == 0 or num_rows > 3


CHINESE = (["好看", "精彩", "喜欢"], ["难看", "无聊", "讨厌"]), ["电影", "故事", "演员", "音乐", "导演", "场景"]
THAI = (["ดีมาก", "ชอบ"], ["แย่", "เบื่อ"]), ["หนัง", "เรื่อง", "นักแสดง", "เพลง", "ฉาก"]


@pytest.mark.parametrize(("opinions", "filling"), [CHINESE, THAI], ids=["Chinese", "Thai"])
def test_characters_are_used_where_words_have_no_spaces(
    opinions: tuple[list[str], list[str]], filling: list[str]
) -> None:
    splits, truth = {}, {}
    for seed, split in enumerate(("train", "validation", "test")):
        random, truth[split] = Random(seed), np.arange(80) % 2
        texts = ["".join(random.choices(filling, k=8) + random.choices(opinions[label], k=3)) for label in truth[split]]
        splits[split] = pd.DataFrame({"text": texts})
    found = linear_baseline(splits, truth, np.ones(2), 0)
    assert found.kind == "characters"
    assert classification_scores(truth["test"], found.answers)["accuracy"] > 0.95


def test_words_are_used_where_they_do_better() -> None:
    splits, truth = {}, {}
    for seed, split in enumerate(("train", "validation", "test")):
        first, second = np.random.default_rng(seed).integers(2, size=(2, 100))
        truth[split] = first ^ second  # which only the pair of words tells, and no four characters
        splits[split] = pd.DataFrame(
            {"text": [f"mmm{'ab'[i]}mmm mmm{'ab'[j]}mmm" for i, j in zip(first, second, strict=True)]}
        )
    found = linear_baseline(splits, truth, np.ones(2), 0)
    assert found.kind == "words"
    assert classification_scores(truth["test"], found.answers)["accuracy"] == 1


def test_the_baseline_gets_the_weights_of_training() -> None:
    random = np.random.default_rng(0)
    splits, truth = {}, {}
    for split in ("train", "validation", "test"):
        truth[split] = (np.arange(400) % 10 == 0).astype(int)
        clear = np.where(random.random(400) < 0.75, truth[split], 1 - truth[split])
        splits[split] = pd.DataFrame(
            {"text": [f"{'rare' if sign else 'usual'} a{row % 7}" for row, sign in enumerate(clear)]}
        )
    plain, weighted = (
        classification_scores(truth["test"], linear_baseline(splits, truth, weights, 0).answers)
        for weights in (np.ones(2), np.array([0.55, 5.0]))
    )
    assert weighted["recall"] > plain["recall"] + 0.3

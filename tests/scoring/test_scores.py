"""Scores are those of scikit-learn, and what is undefined is left out."""

import math

import numpy as np
import pytest
from judges import guesses

from scoring.clusters import single_rows
from scoring.intervals import intervals
from scoring.resampling import resampled_scores
from scoring.scores import classification_scores


def test_scores_for_more_than_two_classes_have_all_averages() -> None:
    scores = classification_scores(*guesses(np.random.default_rng(0), 300, 6))
    averaged = {f"{name}_{kind}" for name in ("precision", "recall", "f1") for kind in ("micro", "weighted")}
    assert averaged | {"top_3_accuracy", "top_5_accuracy"} < set(scores)
    assert scores["accuracy"] == scores["f1_micro"] < scores["top_3_accuracy"] < scores["top_5_accuracy"] < 1


@pytest.mark.parametrize("num_classes", [2, 4])
def test_a_perfect_model_scores_one_where_a_class_has_no_row(num_classes: int) -> None:
    truth = np.arange(40) % (num_classes - 1)
    scores = classification_scores(truth, np.eye(num_classes)[truth])
    assert scores["f1_macro"] == scores["accuracy"] == 1
    assert num_classes == 2 or scores["f1"] == scores["recall"] == scores["precision"] == 1


def test_what_is_undefined_is_left_out() -> None:
    truth, probabilities = np.ones(20, int), np.tile([0.3, 0.7], (20, 1))
    rows = single_rows(truth)
    (resampled,) = resampled_scores(truth, [probabilities], rows, 100, 0)
    scores = classification_scores(truth, probabilities)
    assert "roc_auc" not in scores
    assert all(math.isfinite(value) for value in (scores | intervals(scores, resampled, rows)).values())

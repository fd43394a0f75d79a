"""Resampled scores are the scores of the resampled rows."""

import numpy as np
import pytest
from judges import guesses, judged_rows
from sklearn.metrics import roc_auc_score

from scoring.clusters import neighbouring_rows, single_rows
from scoring.intervals import percentiles
from scoring.resampling import RocArea, Scorer, drawn_weights, resampled_scores
from scoring.scores import classification_scores


@pytest.mark.parametrize("num_classes", [2, 3, 8])
def test_resampled_scores_are_those_of_the_repeated_rows(num_classes: int) -> None:
    random = np.random.default_rng(num_classes)
    truth, probabilities = guesses(random, 200, num_classes)
    for rows in (single_rows(truth), neighbouring_rows([f"a:{row}" for row in range(200)], truth, 10)):
        (weights,) = drawn_weights(rows, 5, 0)
        resampled = Scorer(truth, probabilities, rows.of_row)(weights)
        for number, drawn in enumerate(weights[rows.of_row].T.astype(int)):
            repeated = classification_scores(truth.repeat(drawn), probabilities.repeat(drawn, axis=0))
            del repeated["ece"]
            assert {name: values[number] for name, values in resampled.items()} == pytest.approx(repeated, abs=1e-9)


def test_classes_keep_their_clusters() -> None:
    truth = np.repeat([0, 1, 2, 3], [30, 20, 1, 1])
    rows = single_rows(truth)
    (weights,) = drawn_weights(rows, 50, 0)
    drawn = weights[rows.of_row]
    for number, expected in ((0, 30), (1, 20)):
        assert (drawn[truth == number].sum(axis=0) == expected).all()
    lonely = drawn[truth > 1]
    assert (lonely.sum(axis=0) == 2).all()  # two classes of one row each share a stratum
    assert lonely.std() > 0


def test_the_weighted_area_is_that_of_scikit_learn_with_ties() -> None:
    random = np.random.default_rng(0)
    positive, score = random.random(300) < 0.3, random.integers(12, size=300) / 10
    weights = random.integers(5, size=(300, 6)).astype(float)
    expected = [roc_auc_score(positive, score, sample_weight=column) for column in weights.T]
    np.testing.assert_allclose(RocArea(positive, score, np.arange(300))(weights), expected)


def test_the_margin_of_two_judges_is_paired() -> None:
    random = np.random.default_rng(0)
    truth, first = judged_rows(random, 1000)
    second = np.where(random.random((1000, 1)) < 0.05, first[:, ::-1], first)  # differs in one row of twenty
    rows = single_rows(truth)
    scores, others = resampled_scores(truth, [first, second], rows, 1000, 0)
    (unpaired,) = resampled_scores(truth, [second], rows, 1000, 1)
    widths = [np.diff(percentiles(scores["accuracy"] - item["accuracy"], rows)) for item in (others, unpaired)]
    assert widths[0] < 0.6 * widths[1]

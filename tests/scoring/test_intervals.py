"""Intervals cover the truth, and agree with scipy's."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from judges import SEPARATION, judged_rows
from scipy.stats import binomtest, bootstrap, norm, rankdata

from scoring.clusters import Clusters, grouped_rows, neighbouring_rows, single_rows
from scoring.intervals import intervals, percentiles, spread_factor, standard_error
from scoring.paired import paired_differences
from scoring.resampling import Scorer, resampled_scores
from scoring.scores import classification_scores


def test_intervals_cover_the_truth_at_their_nominal_rate() -> None:
    random, repeats = np.random.default_rng(0), 300
    accuracy, auc = norm.cdf(SEPARATION / 2), norm.cdf(SEPARATION / math.sqrt(2))
    sample = judged_rows(random, 1_000_000)
    whole = Scorer(*sample, np.zeros(1_000_000, int))(np.ones((1, 1)))
    true = {"accuracy": accuracy, "f1": accuracy, "roc_auc": auc}  # f1 too: the classes are alike
    true |= {name: whole[name][0] for name in ("log_loss", "brier", "mcc")}
    covered = dict.fromkeys(true, 0)
    for seed in range(repeats):
        truth, probabilities = judged_rows(random, 400)
        rows = single_rows(truth)
        (scores,) = resampled_scores(truth, [probabilities], rows, 400, seed)
        for name, value in true.items():
            low, high = percentiles(scores[name], rows)
            covered[name] += low <= value <= high
    for name, count in covered.items():
        assert binomtest(count, repeats, 0.95).pvalue > 0.01, f"{name}: {count} of {repeats}"


def test_intervals_agree_with_scipy() -> None:
    truth, probabilities = judged_rows(np.random.default_rng(1), 500)
    rows = single_rows(truth)
    (scores,) = resampled_scores(truth, [probabilities], rows, 4000, 0)
    correct = probabilities.argmax(axis=1) == truth
    classes = [[values[truth == number] for number in (0, 1)] for values in (correct, probabilities[:, 1])]

    def accuracy(*samples: np.ndarray, axis: int) -> np.ndarray:
        return np.concatenate(samples, axis=axis).mean(axis=axis)

    def auc(negative: np.ndarray, positive: np.ndarray, axis: int) -> np.ndarray:
        n, m = negative.shape[axis], positive.shape[axis]
        ranks = rankdata(np.concatenate([negative, positive], axis=axis), axis=axis)
        return (ranks[..., n:].sum(axis=axis) - m * (m + 1) / 2) / (n * m)

    for name, samples, statistic in (("accuracy", classes[0], accuracy), ("roc_auc", classes[1], auc)):
        theirs = bootstrap(samples, statistic, n_resamples=4000, method="percentile", rng=2).confidence_interval
        np.testing.assert_allclose(percentiles(scores[name], rows), theirs, atol=0.004)
        assert np.diff(theirs) > 0.02


def test_percentiles_are_those_of_scipy_at_the_expanded_level() -> None:
    random = np.random.default_rng(0)
    few, values = Clusters(of_row=np.repeat(np.arange(10), 5), sizes=np.array([10])), random.normal(size=2000)
    given = SimpleNamespace(bootstrap_distribution=values)
    level = 1 - 2 * norm.sf(spread_factor(few))
    theirs = bootstrap(
        (np.zeros(2),), np.mean, n_resamples=0, bootstrap_result=given, confidence_level=level, method="percentile"
    ).confidence_interval
    np.testing.assert_allclose(percentiles(values, few), theirs, atol=1e-9)
    assert level > 0.97  # ten clusters know less than their own spread says


def test_the_standard_error_is_that_of_the_textbook() -> None:
    truth = np.zeros(400, int)
    groups = np.repeat(np.arange(40), 10).astype(str).tolist()
    right = np.random.default_rng(0).random(400) < np.repeat(np.random.default_rng(1).random(40), 10)
    probabilities = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    clusters = grouped_rows(groups, truth)
    (scores,) = resampled_scores(truth, [probabilities], clusters, 20_000, 0)
    of_groups = right.reshape(40, 10).mean(axis=1)
    assert standard_error(scores["accuracy"], clusters) == pytest.approx(of_groups.std(ddof=1) / 40**0.5, rel=0.02)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_perfect_score_is_not_certain(num_classes: int) -> None:
    truth = np.arange(60) % num_classes
    perfect, rows = np.eye(num_classes)[truth] * 0.8 + 0.2 / num_classes, single_rows(truth)
    scores = classification_scores(truth, perfect)
    found = intervals(scores, resampled_scores(truth, [perfect], rows, 200, 0)[0], rows)
    exact = binomtest(60, 60).proportion_ci(method="exact").low
    assert (found["accuracy_ci95_low"], found["accuracy_ci95_high"]) == (pytest.approx(exact), 1)
    assert found["mcc_ci95_low"] == pytest.approx(2 * found["f1_macro_ci95_low"] - 1)
    one_class = binomtest(60 // num_classes, 60 // num_classes).proportion_ci(method="exact").low
    assert found["recall_ci95_low"] == pytest.approx(one_class if num_classes == 2 else exact)
    turned = np.roll(perfect, 1, axis=1)
    wrong = intervals(classification_scores(truth, turned), resampled_scores(truth, [turned], rows, 200, 0)[0], rows)
    assert (wrong["accuracy_ci95_low"], wrong["accuracy_ci95_high"]) == (0, pytest.approx(1 - exact))


def test_an_area_that_half_of_the_resamples_lack_is_not_known() -> None:
    truth = np.repeat([0, 1], 20)
    random = np.random.default_rng(0)
    base, head = (np.stack([1 - positive, positive], axis=1) for positive in random.random((2, 40)))
    two = neighbouring_rows([f"a.csv:{row}" for row in range(40)], truth, 50)
    scores = classification_scores(truth, base)
    found = intervals(scores, resampled_scores(truth, [base], two, 200, 0)[0], two)
    assert (found["roc_auc_ci95_low"], found["roc_auc_ci95_high"]) == (0, 1)
    change = paired_differences(truth, base, head, two, 200, 0)["roc_auc"]
    assert (change.low, change.high) == (-1, 1)


def test_classes_all_right_and_all_wrong_are_not_certain() -> None:
    truth = np.repeat([0, 1, 2], [30, 20, 10])
    first, rows = np.tile([0.8, 0.1, 0.1], (60, 1)), single_rows(truth)
    found = intervals(classification_scores(truth, first), resampled_scores(truth, [first], rows, 200, 0)[0], rows)
    exact = binomtest(30, 60).proportion_ci(method="exact")
    for name in ("accuracy", "f1_micro"):
        ends = found[f"{name}_ci95_low"], found[f"{name}_ci95_high"]
        assert ends == (pytest.approx(exact.low), pytest.approx(exact.high))

"""A verdict of two judges of the same rows is right about them, and no more certain than the rows allow."""

from types import SimpleNamespace

import numpy as np
import pytest
from judges import judged_rows
from statsmodels.stats.contingency_tables import mcnemar

from scoring.clusters import single_rows
from scoring.paired import Difference, Verdict, count_flips, paired_differences, swap_test, unpaired_differences


def spoilt(random: np.random.Generator, probabilities: np.ndarray, fraction: float) -> np.ndarray:
    """Turn the answer round in some of the rows."""
    return np.where(random.random((len(probabilities), 1)) < fraction, probabilities[:, ::-1], probabilities)


def with_flips(lost: int, won: int, rows: int) -> SimpleNamespace:
    """Return judges that are right in all rows but those where only the other is."""
    truth = np.arange(rows) % 2
    right = np.eye(2)[truth] * 0.6 + 0.2
    base, head = right.copy(), right.copy()
    head[:lost] = head[:lost, ::-1]
    base[lost : lost + won] = base[lost : lost + won, ::-1]
    return SimpleNamespace(truth=truth, base=base, head=head, rows=single_rows(truth))


def test_a_worse_head_is_called_worse_in_every_score() -> None:
    random = np.random.default_rng(0)
    truth, base = judged_rows(random, 2000)
    found = paired_differences(truth, base, spoilt(random, base, 0.1), single_rows(truth), 1000, 0)
    assert {item.verdict(0.01) for item in found.values()} == {Verdict.WORSE}
    assert found["log_loss"].change > 0 > found["log_loss"].gain[0]  # a higher loss is no gain
    assert not found["accuracy"].within(0.01)
    assert found["accuracy"].within(0.2)


def test_the_same_answers_are_the_same() -> None:
    truth, base = judged_rows(np.random.default_rng(0), 200)
    found = paired_differences(truth, base, base.copy(), single_rows(truth), 200, 0)
    assert {item.verdict(0.0) for item in found.values()} == {Verdict.SAME}
    assert {item.p_value for item in found.values()} == {1.0}


@pytest.mark.parametrize(
    ("low", "high", "p_value", "verdict"),
    [
        (0.001, 0.02, 0.03, Verdict.BETTER),
        (0.001, 0.02, 0.07, Verdict.NO_WORSE),  # the swap test disagrees, and few rows differ
        (-0.02, -0.001, 0.03, Verdict.WORSE),
        (-0.009, 0.02, 0.5, Verdict.NO_WORSE),
        (-0.011, 0.02, 0.5, Verdict.UNCLEAR),
    ],
)
def test_the_verdict_follows_interval_and_test(low: float, high: float, p_value: float, verdict: Verdict) -> None:
    assert Difference("f1", 0.9, 0.9 + (low + high) / 2, low, high, 0.005, p_value, True).verdict(0.01) == verdict
    turned = Difference("log_loss", 0.3, 0.3 - (low + high) / 2, -high, -low, 0.005, p_value, True)
    assert turned.verdict(0.01) == verdict


def test_the_interval_decides_alone_where_many_rows_differ() -> None:
    assert Difference("f1", 0.9, 0.91, 0.001, 0.02, 0.005, 0.07).verdict(0.01) == Verdict.BETTER


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 7), (10, 2), (30, 30)])
def test_flips_are_tested_as_statsmodels_does(lost: int, won: int) -> None:
    made = with_flips(lost, won, 200)
    correct = [judge.argmax(axis=1) == made.truth for judge in (made.base, made.head)]
    flips = count_flips(*correct)
    assert (flips.lost, flips.won) == (lost, won)
    theirs = mcnemar([[200 - lost - won, lost], [won, 0]], exact=True).pvalue
    assert flips.p_value == pytest.approx(theirs, abs=1e-6)
    swapped = swap_test(made.truth, made.base, made.head, made.rows, 20_000, 0)["accuracy"]
    assert swapped == pytest.approx(theirs, abs=0.015)  # four standard errors of so many swaps


def test_eight_rows_do_not_make_a_better_model() -> None:
    made = with_flips(1, 7, 2000)
    found = paired_differences(made.truth, made.base, made.head, made.rows, 2000, 0)["accuracy"]
    assert found.low > 0  # the bootstrap alone would say so
    assert found.verdict(0.01) == Verdict.NO_WORSE


def test_other_rows_say_less() -> None:
    random = np.random.default_rng(0)
    truth, base = judged_rows(random, 1000)
    head, rows = spoilt(random, base, 0.03), single_rows(truth)
    paired = paired_differences(truth, base, head, rows, 500, 0)["accuracy"]
    unpaired = unpaired_differences((truth, base, rows), (truth, head, rows), 500, 0)["accuracy"]
    assert unpaired.change == paired.change
    assert unpaired.standard_error > 1.5 * paired.standard_error
    assert np.isnan(unpaired.p_value)

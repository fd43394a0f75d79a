"""On rows that are not independent, a verdict is wrong no more often than it may be, and finds what is real."""

import pytest
from scipy.stats import binomtest

from bench.review_statistics import DROP, SEEDS, judge_pairs
from scoring.clusters import RUN_ROWS


def at_least(count: int, pairs: int, rate: float) -> bool:
    """Say whether a count is no sign of a rate below the given one."""
    return binomtest(count, pairs, rate, alternative="less").pvalue > 0.01


@pytest.mark.parametrize("pairs", [pytest.param(40, id="40"), pytest.param(400, id="400", marks=pytest.mark.nightly)])
def test_verdicts_and_intervals_on_simulated_test_splits(pairs: int) -> None:
    for name, tally in judge_pairs(SEEDS, pairs, RUN_ROWS, seed=2).items():
        assert at_least(pairs - tally.better - tally.worse, pairs, 0.95), name
        assert at_least(tally.held, pairs, 0.95), name
        assert at_least(tally.change_held, pairs, 0.95), name
    for name, tally in judge_pairs(DROP, pairs, RUN_ROWS, seed=2).items():
        assert tally.better == 0
        assert at_least(tally.worse, pairs, 0.8), name

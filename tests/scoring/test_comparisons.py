"""The best of many is not taken for better when chance made it the best."""

import numpy as np
from scipy.stats import binomtest

from scoring.clusters import Clusters
from scoring.comparisons import holm, outlives_the_seeds, over_seeds, simultaneous

MANY = Clusters(of_row=np.arange(2000), sizes=np.array([2000]))


def test_holm_on_his_steps() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert len(holm([])) == 0


def test_chance_makes_none_of_twenty_better_more_often_than_it_may() -> None:
    random, repeats, alone, together = np.random.default_rng(0), 300, 0, 0
    for _ in range(repeats):
        found = {str(number): random.normal() for number in range(20)}
        sampled = {name: value + random.normal(size=1000) for name, value in found.items()}
        alone += any(abs(value) > 1.96 for value in found.values())
        together += any(item.low > 0 or item.high < 0 for item in simultaneous(found, sampled, MANY).values())
    assert alone > 0.5 * repeats
    assert binomtest(together, repeats, 0.05, alternative="greater").pvalue > 0.01


def test_a_real_difference_is_found_among_many() -> None:
    random = np.random.default_rng(0)
    found = {"real": 5.0, "none": 0.0, "same": 0.0}
    sampled = {name: value + random.normal(size=1000) for name, value in found.items()} | {"same": np.zeros(1000)}
    corrected = simultaneous(found, sampled, MANY)
    assert corrected["real"].low > 0
    assert corrected["real"].p_value < 0.01
    assert corrected["none"].low < 0 < corrected["none"].high
    assert (corrected["same"].low, corrected["same"].high, corrected["same"].p_value) == (0, 0, 1)


def test_a_difference_outlives_the_seeds_where_no_seed_turns_it_round() -> None:
    base = over_seeds([0.90, 0.91, 0.92])
    assert (base.mean, base.lowest, base.highest, base.count) == (0.91, 0.90, 0.92, 3)
    assert base.spread == np.std([0.90, 0.91, 0.92], ddof=1)
    assert outlives_the_seeds(base, over_seeds([0.93, 0.95]))
    assert not outlives_the_seeds(base, over_seeds([0.915, 0.95]))
    assert not outlives_the_seeds(base, over_seeds([0.99]))  # one seed says nothing of its spread

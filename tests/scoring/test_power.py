"""Power is what statsmodels computes, and clusters of rows count for less than single rows."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from scoring.clusters import grouped_rows, single_rows
from scoring.power import POWER, design_effect, rows_needed, smallest_detectable

ROWS = single_rows(np.arange(1_000_000) % 2)


def test_rows_needed_are_those_of_statsmodels() -> None:
    spread, rows = 0.26, 2000
    found = rows_needed(0.01, spread / rows**0.5, rows)
    expected = NormalIndPower(ddof=0).solve_power(effect_size=0.01 / spread, alpha=0.05, power=POWER, ratio=0)
    assert found == np.ceil(expected)
    assert rows_needed(0.0, 0.01, rows) is None


def test_the_smallest_difference_is_found_in_four_of_five_splits() -> None:
    smallest = smallest_detectable(0.005, ROWS)
    power = NormalIndPower(ddof=0).power(effect_size=smallest / 0.005, nobs1=1, alpha=0.05, ratio=0)
    assert power == pytest.approx(POWER, abs=1e-5)
    assert smallest_detectable(0.005, grouped_rows(["a", "b", "c", "d"] * 5, np.zeros(20, int))) > 1.3 * smallest


def test_the_design_effect_of_planted_clusters() -> None:
    random = np.random.default_rng(0)
    size, groups, alike = 10, 4000, 0.05
    truth = np.zeros(size * groups, int)
    values = np.repeat(random.normal(size=groups), size) * alike**0.5 + random.normal(size=size * groups) * 0.95**0.5
    clusters = grouped_rows(np.repeat(np.arange(groups), size).astype(str).tolist(), truth)
    assert design_effect(values, clusters) == pytest.approx(1 + (size - 1) * alike, abs=0.1)
    assert design_effect(values, single_rows(truth)) == pytest.approx(1, abs=1e-9)
    assert design_effect(np.ones(len(values)), clusters) == 1

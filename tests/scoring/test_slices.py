"""A slice is called worse where it is, and not by chance."""

import gc

import numpy as np
import pytest
from scipy.stats import binomtest

from scoring.clusters import grouped_rows
from scoring.slices import judge_slices

ROWS = 400


@pytest.mark.parametrize("group_rows", [1, 10])
def test_chance_flags_a_slice_no_more_often_than_it_may(group_rows: int) -> None:
    """Rows of a group are in the same slices, and all right or all wrong."""
    gc.freeze()  # statsmodels collects garbage in every call
    random, repeats, flagged = np.random.default_rng(0), 200, 0
    groups = np.arange(ROWS) // group_rows
    clusters = grouped_rows(groups.astype(str).tolist(), np.zeros(ROWS, dtype=int))
    for _ in range(repeats):
        members = {str(number): (random.random(ROWS) < 0.2)[groups] for number in range(12)}
        correct = (random.random(ROWS) < 0.8)[groups]
        flagged += int(judge_slices(members, correct, clusters, 200, 0)["worse"].any())
    assert binomtest(flagged, repeats, 0.05, alternative="greater").pvalue > 0.01


def test_a_slice_that_is_worse_in_every_group_is_flagged() -> None:
    groups = np.arange(ROWS) // 10
    clusters = grouped_rows(groups.astype(str).tolist(), np.zeros(ROWS, dtype=int))
    inside, random = groups % 4 == 0, np.random.default_rng(0)
    correct = random.random(ROWS) < np.where(inside, 0.5, 0.9)
    assert judge_slices({"a": inside}, correct, clusters, 200, 0)["worse"].all()

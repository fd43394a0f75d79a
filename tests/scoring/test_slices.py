"""A slice is called worse where it is, and not by chance."""

import gc

import numpy as np
from scipy.stats import binomtest

from scoring.slices import judge_slices


def test_chance_flags_a_slice_no_more_often_than_it_may() -> None:
    gc.freeze()  # statsmodels collects garbage in every call
    random, repeats, flagged = np.random.default_rng(0), 200, 0
    for _ in range(repeats):
        members = {str(number): random.random(400) < 0.2 for number in range(12)}
        flagged += int(judge_slices(members, random.random(400) < 0.8)["worse"].any())
    assert binomtest(flagged, repeats, 0.05, alternative="greater").pvalue > 0.01

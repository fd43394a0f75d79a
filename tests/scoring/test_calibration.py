"""Calibration is what Guo et al. mean by it."""

import numpy as np
import pytest
from scipy.special import softmax

from scoring.calibration import expected_calibration_error, fit_temperature, reliability_table


def test_the_calibration_error_of_literal_probabilities() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    truth = np.array([0, 1, 1, 0])
    # in the bin of 0.9 half are right, in that of 0.7 all, and so in that of 1.0, which is the last
    assert expected_calibration_error(truth, probabilities) == pytest.approx((2 * 0.4 + 0.3 + 0) / 4)
    table = reliability_table(truth, probabilities)
    assert table["n"].tolist() == [1, 2, 1]
    assert table["accuracy"].tolist() == [1, 0.5, 1]
    np.testing.assert_allclose(table["confidence"], [0.7, 0.9, 1])


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found(planted: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3)) * 2
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from the softmax of the logits
    assert fit_temperature((planted * logits).astype(np.float32), truth) == pytest.approx(planted, rel=0.05)


def test_logits_that_are_always_right_do_not_become_certain() -> None:
    logits = np.array([[2.0, -2.0], [-1.0, 1.0]] * 20)
    confidence = softmax(logits / fit_temperature(logits, np.array([0, 1] * 20)), axis=1).max(axis=1).mean()
    assert 0.9 < confidence < 0.99

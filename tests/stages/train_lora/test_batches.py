"""Batches: every row once an epoch, in an order of its own, in shares whose weights make up the whole."""

from itertools import chain

import numpy as np
import pytest
from tiny import PARAMS

from stages.common.params import TrainParams, load_params
from stages.train_lora.batches import LengthBatches

LENGTHS = np.random.default_rng(0).integers(3, 60, size=157)


def params(**changes: object) -> TrainParams:
    return load_params(PARAMS).train.model_copy(update={"batch_size": 16, **changes})


def numbers(batches: LengthBatches) -> list[list[int]]:
    return [[number for number, _ in batch] for batch in batches]


def test_an_epoch_has_every_row_once_in_an_order_that_seed_and_epoch_decide() -> None:
    batches = LengthBatches(LENGTHS, params())
    first = numbers(batches)
    assert sorted(chain.from_iterable(first)) == list(range(157))
    assert sorted(map(len, first)) == [13, *[16] * 9]
    assert first == numbers(LengthBatches(LENGTHS, params()))
    assert first != numbers(LengthBatches(LENGTHS, params(seed=1)))
    batches.epoch = 1
    second = numbers(batches)
    assert first != second
    assert sorted(chain.from_iterable(second)) == list(range(157))


def test_texts_of_a_batch_are_of_near_equal_length() -> None:
    padded = sum(len(rows) * LENGTHS[rows].max() for rows in numbers(LengthBatches(LENGTHS, params())))
    order = np.random.default_rng(1).permutation(157)
    unsorted = sum(len(rows) * LENGTHS[rows].max() for rows in np.array_split(order, 10))
    assert padded < 1.15 * LENGTHS.sum() < unsorted


@pytest.mark.parametrize("limit", [60, 128, 10_000])
def test_max_batch_tokens_bounds_the_padded_batch(limit: int) -> None:
    found = numbers(LengthBatches(LENGTHS, params(max_batch_tokens=limit)))
    assert sorted(chain.from_iterable(found)) == list(range(157))
    assert all(len(rows) * LENGTHS[rows].max() <= limit for rows in found)
    assert len(found) < 1.4 * LENGTHS.sum() / limit + 1  # and wastes little of it


def test_a_text_longer_than_max_batch_tokens_is_a_batch_of_its_own() -> None:
    found = numbers(LengthBatches(np.array([50, 50, 4, 4]), params(max_batch_tokens=8)))
    assert sorted(map(sorted, found)) == [[0], [1], [2, 3]]


@pytest.mark.parametrize(("batch_size", "processes"), [(16, 2), (16, 3), (1, 2), (5, 8)])
def test_the_shares_of_a_batch_weigh_its_rows_alike(batch_size: int, processes: int) -> None:
    weights = np.linspace(1, 2, 157)
    whole = LengthBatches(LENGTHS, params(batch_size=batch_size), weights)
    shares = [LengthBatches(LENGTHS, params(batch_size=batch_size), weights, n, processes) for n in range(processes)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert all(parts)  # every process takes part in every step
        found = np.zeros(157)
        for row, weight in (pair for part in parts for pair in part):
            found[row] += weight / processes  # the gradient is the mean over the processes
        expected = np.zeros(157)
        for row, weight in batch:
            expected[row] = weight
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(expected.sum(), weights[[row for row, _ in batch]].mean())

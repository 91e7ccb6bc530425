"""The computed order of blocks, against what a shuffle has to be: a permutation, as if random."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlm.store.order import permuted


def whole(count: int, *key: int) -> np.ndarray:
    return permuted(np.arange(count), count, *key)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5_000), st.integers(0, 2**31), st.integers(0, 50))
def test_every_value_comes_exactly_once(count: int, seed: int, epoch: int) -> None:
    assert np.array_equal(np.sort(whole(count, seed, epoch)), np.arange(count))


@pytest.mark.parametrize("count", [255, 256, 257, 1_023, 1_024, 1_025, 65_536, 65_537])
def test_every_value_comes_exactly_once_around_powers_of_two(count: int) -> None:
    assert np.array_equal(np.sort(whole(count, 3, 1)), np.arange(count))


def test_a_place_does_not_depend_on_what_else_is_asked_for() -> None:
    all_at_once = whole(1_000, 5, 2)
    for places in (np.array([7]), np.array([999, 0, 7, 7]), np.arange(400, 600)):
        assert np.array_equal(permuted(places, 1_000, 5, 2), all_at_once[places])


def test_seeds_and_epochs_give_unrelated_orders() -> None:
    orders = [whole(2_000, seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1, 2)]
    for i, first in enumerate(orders):
        for second in orders[:i]:
            # Two random permutations agree at one place on average.
            assert (first == second).sum() < 8
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_where_a_block_lands_is_uniform() -> None:
    """Chi-square over 40 bins, 4,000 epochs: a block's place, and how far its neighbour is."""
    count = 1_000
    placed = np.array([permuted(np.array([17, 18]), count, 9, epoch) for epoch in range(4_000)])
    for values in (placed[:, 0], placed[:, 1], (placed[:, 1] - placed[:, 0]) % count):
        observed, _ = np.histogram(values, bins=40, range=(0, count))
        chi_square = ((observed - 100) ** 2 / 100).sum()
        assert chi_square < 80, chi_square  # 39 degrees of freedom: above 80 once in 10,000


def test_few_values_take_every_order_equally_often() -> None:
    """Chi-square over the 24 orders of four blocks in 2,400 epochs."""
    times = Counter(tuple(whole(4, 0, epoch).tolist()) for epoch in range(2_400))
    assert len(times) == 24
    assert sum((n - 100) ** 2 / 100 for n in times.values()) < 58  # 23 degrees of freedom, 1e-4


def test_a_step_of_a_huge_store_is_cheap() -> None:
    places = np.arange(256) + 9_000_000
    started = time.perf_counter()
    values = permuted(places, 15_625_000, 0, 3)  # a billion tokens in blocks of 64
    assert values.max() < 15_625_000 and len(set(values.tolist())) == 256
    assert time.perf_counter() - started < 1  # a table would take a second and 125 MB

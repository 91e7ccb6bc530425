"""Computed permutations against the properties of a random shuffle."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlm.store.permutation import permute


def whole(count: int, *key: int) -> np.ndarray:
    return permute(np.arange(count), count, *key)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5_000), st.integers(0, 2**31), st.integers(0, 50))
def test_every_value_occurs_exactly_once(count: int, seed: int, epoch: int) -> None:
    assert np.array_equal(np.sort(whole(count, seed, epoch)), np.arange(count))


@pytest.mark.parametrize("count", [255, 256, 257, 1_023, 1_024, 1_025, 65_536, 65_537])
def test_every_value_occurs_exactly_once_around_powers_of_two(count: int) -> None:
    assert np.array_equal(np.sort(whole(count, 3, 1)), np.arange(count))


def test_a_value_does_not_depend_on_the_other_positions() -> None:
    expected = whole(1_000, 5, 2)
    for positions in (np.array([7]), np.array([999, 0, 7, 7]), np.arange(400, 600)):
        assert np.array_equal(permute(positions, 1_000, 5, 2), expected[positions])


def test_seeds_and_epochs_give_unrelated_orders() -> None:
    orders = [whole(2_000, seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1, 2)]
    for i, first in enumerate(orders):
        for second in orders[:i]:
            # Two random permutations agree at one position on average.
            assert (first == second).sum() < 8
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_values_at_a_position_are_uniform() -> None:
    """Chi-square over 40 bins, 4,000 epochs: single values, and the distance of neighbours."""
    count = 1_000
    found = np.array([permute(np.array([17, 18]), count, 9, epoch) for epoch in range(4_000)])
    for values in (found[:, 0], found[:, 1], (found[:, 1] - found[:, 0]) % count):
        observed, _ = np.histogram(values, bins=40, range=(0, count))
        chi_square = ((observed - 100) ** 2 / 100).sum()
        assert chi_square < 80, chi_square  # 39 degrees of freedom: p-value 1e-4


def test_all_permutations_of_four_values_are_equally_frequent() -> None:
    """Chi-square over the 24 orders of four blocks in 2,400 epochs."""
    times = Counter(tuple(whole(4, 0, epoch).tolist()) for epoch in range(2_400))
    assert len(times) == 24
    # 23 degrees of freedom: p-value 1e-4
    assert sum((n - 100) ** 2 / 100 for n in times.values()) < 58


def test_a_step_of_a_huge_store_is_cheap() -> None:
    positions = np.arange(256) + 9_000_000
    started = time.perf_counter()
    values = permute(positions, 15_625_000, 0, 3)  # a billion tokens in blocks of 64
    assert values.max() < 15_625_000 and len(set(values.tolist())) == 256
    assert time.perf_counter() - started < 1  # a stored one would take a second and 125 MB

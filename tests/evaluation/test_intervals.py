"""Coverage of the intervals: the probability, under a known proportion, that the interval contains
it, as an exact sum over all outcomes."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from scipy.stats import beta, binom

from amlm.evaluation.intervals import jeffreys, mean_interval


def coverage(count: int, p: float) -> float:
    hits = np.arange(count + 1)
    low, high = jeffreys(hits, count - hits)
    return float(binom.pmf(hits, count, p)[(low <= p) & (p <= high)].sum())


def bootstrap_coverage(count: int, p: float) -> float:
    # The limit of many resamples, whose hits are binomial.
    hits = np.arange(count + 1)
    low, high = (binom.ppf(q, count, hits / count) / count for q in (0.025, 0.975))
    return float(binom.pmf(hits, count, p)[(low <= p) & (p <= high)].sum())


def test_all_hits_do_not_give_certainty() -> None:
    low, high = jeffreys([20, 0], [0, 20])
    assert low.tolist() == [pytest.approx(0.8834, abs=1e-4), 0]
    assert high.tolist() == [1, pytest.approx(0.1166, abs=1e-4)]
    # Tabulated by Brown, Cai & DasGupta 2001, table 5: 3 of 10.
    assert np.round(jeffreys(3, 7), 3).tolist() == [0.093, 0.606]


def test_coverage_is_close_to_95_percent_where_a_bootstrap_collapses() -> None:
    assert coverage(40, 0.97) > 0.96 and bootstrap_coverage(40, 0.97) < 0.71
    assert coverage(20, 0.99) > 0.96 and bootstrap_coverage(20, 0.99) < 0.2
    for count in (10, 20, 40, 100, 680):
        assert all(coverage(count, p) > 0.9 for p in (0.5, 0.7, 0.9, 0.95, 0.97, 0.99, 0.999))
        grid = np.linspace(0.005, 0.995, 199)
        assert np.mean([coverage(count, p) for p in grid]) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(
    ("counts", "rates", "weights"),
    [
        ((40,), (0.97,), (1.0,)),
        ((40, 40), (0.97, 0.97), (0.5, 0.5)),
        ((40, 40), (0.6, 0.99), (0.5, 0.5)),
        ((10, 20, 30), (0.9, 0.97, 0.5), (1 / 6, 2 / 6, 3 / 6)),
        ((20, 40, 5), (0.8, 0.6, 0.3), (0.5, 0.5, 0.0)),
        ((5, 60), (0.5, 0.99), (0.5, 0.5)),
    ],
)
def test_coverage_of_means_over_groups(
    counts: tuple[int, ...], rates: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    hits_RG = np.array(list(product(*(range(n + 1) for n in counts))), dtype=float)
    pmfs = [binom.pmf(np.arange(n + 1), n, p) for n, p in zip(counts, rates, strict=True)]
    probability_R = np.array([prod(each) for each in product(*pmfs)])
    low_R, high_R = mean_interval(hits_RG, np.array(counts, dtype=float), np.array(weights))
    mean = np.dot(rates, weights)
    covered = probability_R[(low_R <= mean + 1e-12) & (mean - 1e-12 <= high_R)].sum()
    assert 0.925 < covered < 0.985


@pytest.mark.parametrize("rate", [0.7, 0.97, 0.995])
def test_coverage_of_a_mean_over_many_small_groups(rate: float) -> None:
    # As in BLiMP: 67 paradigms. With equal rates and sizes, the mean is a binomial proportion.
    hits_RG = np.random.default_rng(0).binomial(15, rate, size=(2_000, 67)).astype(float)
    low_R, high_R = mean_interval(hits_RG, np.full(67, 15.0), np.full(67, 1 / 67))
    assert 0.92 < np.mean((low_R <= rate) & (rate <= high_R)) < 0.98


def test_the_mean_of_one_group_has_jeffreys_limits() -> None:
    low, high = mean_interval(np.array([30.0, 3.0]), np.array([40.0, 9.0]), np.array([1.0, 0.0]))
    assert (low, high) == pytest.approx(tuple(beta.ppf((0.025, 0.975), 30.5, 10.5)))
    low, high = mean_interval(np.full(67, 15.0), np.full(67, 15.0), np.full(67, 1 / 67))
    assert high == 1 and low == pytest.approx(beta.ppf(0.025, 67 * 15 + 0.5, 0.5))

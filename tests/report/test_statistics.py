"""Intervals, tests and power against scipy, statsmodels, simulated studies and a brute-force
bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

from amlm.report import statistics as ours
from amlm.report.statistics import Difference, Floats


def test_an_estimate_is_the_t_interval() -> None:
    values = [33.1, 34.0, 33.6, 34.4, 33.2]
    found = ours.estimate(values)
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.mean == pytest.approx(33.66)
    assert found.sd == pytest.approx(np.std(values, ddof=1))


def test_one_seed_has_no_interval() -> None:
    assert ours.estimate([3.0]) == ours.Estimate(3.0, None, None, None, 1)
    assert ours.paired_difference(np.array([1.0])).p is None
    assert ours.unpaired_difference(np.array([1.0]), np.array([2.0, 3.0])).low is None


def test_differences_are_the_tests_of_scipy() -> None:
    dice = np.random.default_rng(1)
    for _ in range(20):
        a, b = dice.normal(0.5, 1, 6), dice.normal(0, 2, 6)
        paired, theirs = ours.paired_difference(a - b), stats.ttest_rel(a, b)
        assert paired.p == pytest.approx(theirs.pvalue)
        assert (paired.low, paired.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
        welch, theirs = (
            ours.unpaired_difference(a, b[:4]),
            stats.ttest_ind(a, b[:4], equal_var=False),
        )
        assert welch.p == pytest.approx(theirs.pvalue)
        assert (welch.low, welch.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_groups_without_any_spread_have_no_p_value() -> None:
    assert ours.paired_difference(np.zeros(3)).p is None
    assert ours.unpaired_difference(np.ones(3), np.ones(3)).p is None


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("effect", [0.3, 1.0, 2.0])
def test_power_and_seeds_needed_equal_statsmodels(effect: float, seeds: int) -> None:
    paired, unpaired = TTestPower(), TTestIndPower()
    for level in (0.05, 0.05 / 12):
        assert ours.power(effect, 1 / math.sqrt(seeds), seeds - 1, level) == pytest.approx(
            paired.power(effect, seeds, level), abs=1e-6
        )
        needed = ours.seeds_needed(effect, 1.0, level=level)
        assert needed == math.ceil(paired.solve_power(effect, None, level, 0.8))
        # Two groups with variance 1/2 each, so that a difference of two runs has variance 1.
        needed = ours.seeds_needed(effect, 1.0, paired=False, level=level)
        one_group = effect * math.sqrt(2)
        assert needed == math.ceil(unpaired.solve_power(one_group, None, level, 0.8))
        smallest = ours.smallest_effect(2.0 / math.sqrt(seeds), seeds - 1, level)
        assert paired.power(smallest / 2.0, seeds, level) == pytest.approx(0.8, abs=1e-6)


def test_a_large_effect_needs_two_seeds_and_one_below_a_thousandth_more_than_are_counted() -> None:
    assert ours.seeds_needed(-50.0, 1.0) == 2
    assert ours.seeds_needed(0.01, 1.0) is None
    assert ours.seeds_needed(0.0, 1.0) is None


def test_uncertainty_of_items_is_not_taken_away_by_seeds() -> None:
    theirs, rest = TTestPower(), 0.12
    enough = [
        n for n in range(2, 100) if theirs.power(0.5 / math.sqrt(1 + n * rest**2), n, 0.05) >= 0.8
    ]
    assert ours.seeds_needed(0.5, 1.0, rest) == enough[0] == 61
    assert ours.seeds_needed(0.5, 1.0) == 34
    # 0.5 is below 2.8 standard errors of the items alone.
    assert ours.seeds_needed(0.5, 1.0, 0.2) is None


def test_holm_equals_statsmodels_and_keeps_missing_ones() -> None:
    raw = [0.01, 0.04, 0.03, 0.005, 0.5]
    theirs = multipletests(raw, method="holm")[1]
    assert ours.holm(raw) == pytest.approx(list(theirs))
    with_none: list[float | None] = [None, 0.01, None, 0.04]
    assert ours.holm(with_none) == [None, 0.02, None, 0.04]


def share_found(effect: float, studies: int, seeds: int) -> float:
    dice = np.random.default_rng(3)
    found = 0
    for _ in range(studies):
        base = dice.normal(33, 0.5, seeds)
        # The difference of two runs has a standard deviation of 1.
        other = base + dice.normal(effect, 1.0, seeds)
        p = ours.paired_difference(other - base).p
        found += p is not None and p < 0.05
    return found / studies


def test_a_group_compared_with_itself_differs_in_one_study_of_twenty() -> None:
    assert share_found(0.0, 2_000, 5) == pytest.approx(0.05, abs=0.015)


def test_a_planted_effect_is_found_as_often_as_its_power_says() -> None:
    for effect in (1.0, 2.0):
        expected = ours.power(effect, 1 / math.sqrt(5), 4)
        assert share_found(effect, 2_000, 5) == pytest.approx(expected, abs=0.035)


# --- seeds and items ---


def simulated(dice: np.random.Generator, effect: float = 0.0) -> Floats:
    """Differences of outcomes for 5 seeds and 60 items, with effects of both."""
    seed_S1 = dice.normal(0, 0.05, (5, 1))
    item_I = dice.normal(effect, 0.15, 60)
    return np.asarray(seed_S1 + item_I + dice.normal(0, 0.5, (5, 60)))


def item_difference(outcome_SI: Floats, resamples: int = 400) -> Difference:
    groups = ["a"] * 20 + ["b"] * (outcome_SI.shape[1] - 20)
    return ours.item_difference(outcome_SI, groups, resamples=resamples)


def test_the_mean_gives_every_group_of_items_the_same_weight() -> None:
    outcome_SI = np.zeros((2, 60))
    outcome_SI[:, :20] = 1.0
    assert item_difference(outcome_SI).mean == pytest.approx(0.5)


def test_the_error_over_seeds_and_items_equals_a_brute_force_bootstrap() -> None:
    outcome_SI = simulated(np.random.default_rng(5))
    dice = np.random.default_rng(9)
    drawn = []
    for _ in range(4_000):
        seeds = dice.integers(5, size=5)
        a = dice.integers(20, size=20)
        b = 20 + dice.integers(40, size=40)
        drawn.append((outcome_SI[seeds][:, a].mean() + outcome_SI[seeds][:, b].mean()) / 2)
    error = np.std(drawn, ddof=1) * math.sqrt(5 / 4)
    found = item_difference(outcome_SI, resamples=4_000)
    assert found.low is not None
    half = (found.mean - found.low) / float(stats.t.ppf(0.975, 4))
    assert half == pytest.approx(error, rel=0.05)
    assert (found.pairs, found.items) == (5, 60)


def test_items_make_the_interval_wider_than_seeds_alone() -> None:
    # Without noise between seeds, all uncertainty is of the choice of items.
    outcome_SI = np.tile(np.random.default_rng(0).normal(0, 1, 60), (5, 1))
    outcome_SI += np.random.default_rng(1).normal(0, 1e-3, (5, 1))
    found, seeds = item_difference(outcome_SI), ours.paired_difference(outcome_SI.mean(1))
    assert found.high is not None
    assert found.low is not None
    assert seeds.high is not None
    assert seeds.low is not None
    assert found.high - found.low > 10 * (seeds.high - seeds.low)


def test_over_new_seeds_and_items_nothing_is_found_in_at_least_19_of_20_studies() -> None:
    dice = np.random.default_rng(11)
    p_values = [item_difference(simulated(dice), resamples=200).p for _ in range(200)]
    assert np.mean([p is not None and p < 0.05 for p in p_values]) <= 0.06
    dice = np.random.default_rng(12)
    found = [item_difference(simulated(dice, effect=0.5), 200).p for _ in range(20)]
    assert np.mean([p is not None and p < 0.05 for p in found]) >= 0.9

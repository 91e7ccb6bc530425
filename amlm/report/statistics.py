"""Means and differences over seeds: intervals, tests, power.

Seeds are few, so everything rests on Student's t: an interval over n seeds has n − 1 degrees of
freedom. With outcomes of single items, the standard error of a difference is that of a bootstrap
over seeds and items at once (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics
1(2)), which is never below that over seeds alone by more than sampling noise.

Shapes: S seeds, I items, G groups of items, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
POWER = 0.8
MAX_SEEDS = 1_000  # more are not searched for
RESAMPLES = 2_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds; the interval and the standard deviation are None with one seed."""

    mean: float
    sd: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True)
class Difference:
    """The difference of two groups of runs, ours minus the baseline's.

    Attributes:
        mean, low, high: the difference and its interval; no interval with one pair of runs.
        p: two-sided p-value of "no difference", not corrected for the number of comparisons.
        sd: standard deviation of the differences over pairs of runs (over runs if unpaired).
        pairs: runs of the same seed in both groups; 0 if the comparison is not paired.
        items: items that the standard error accounts for; 0 if it does not.
        freedom: degrees of freedom of the standard error.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    sd: float | None
    pairs: int
    items: int = 0
    freedom: float = 0

    @property
    def needed(self) -> int | None:
        """Seeds per group that would show a difference this large with power 0.8."""
        return seeds_needed(self.mean, self.sd) if self.sd else None

    @property
    def detectable(self) -> float | None:
        """The smallest difference that this number of seeds shows with power 0.8."""
        pairs = self.pairs or round(self.freedom / 2) + 1
        return smallest_effect(self.sd, pairs) if self.sd else None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, standard deviation and t interval over seeds."""
    values_S = np.asarray(values, dtype=np.float64)
    mean, count = float(values_S.mean()), len(values_S)
    if count < 2:
        return Estimate(mean, None, None, None, count)
    sd = float(values_S.std(ddof=1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * sd / math.sqrt(count)
    return Estimate(mean, sd, mean - half, mean + half, count)


def paired_difference(values_S: Floats) -> Difference:
    """From the differences of runs with the same seed."""
    count = len(values_S)
    mean = float(values_S.mean())
    if count < 2:
        return Difference(mean, None, None, None, None, count)
    sd = float(values_S.std(ddof=1))
    return _with_error(mean, sd / math.sqrt(count), count - 1, sd, count, 0)


def unpaired_difference(ours_S: Floats, theirs_S: Floats) -> Difference:
    """Welch's test, for groups without common seeds."""
    mean = float(ours_S.mean() - theirs_S.mean())
    if min(len(ours_S), len(theirs_S)) < 2:
        return Difference(mean, None, None, None, None, 0)
    parts = [each.var(ddof=1) / len(each) for each in (ours_S, theirs_S)]
    error = math.sqrt(sum(parts))
    freedom = len(ours_S) + len(theirs_S) - 2.0
    if error > 0:
        freedom = sum(parts) ** 2 / sum(
            part**2 / (len(each) - 1) for part, each in zip(parts, (ours_S, theirs_S), strict=True)
        )
    # The standard deviation of one pair of runs, for planning.
    sd = math.sqrt(float(ours_S.var(ddof=1) + theirs_S.var(ddof=1)))
    return _with_error(mean, error, freedom, sd, 0, 0)


def item_difference(
    outcome_SI: Floats, groups: Sequence[str], resamples: int = RESAMPLES
) -> Difference:
    """From the differences of outcomes by seed and item, averaged with equal weight over groups.

    Args:
        outcome_SI: e.g. 100 · (our hit − the baseline's) for runs of the same seed.
        groups: the group of each item, e.g. the paradigm of a minimal pair.
    """
    names, group_I = np.unique(list(groups), return_inverse=True)
    member_IG = np.eye(len(names))[group_I]
    mean_SG = outcome_SI @ (member_IG / member_IG.sum(0))
    count, items = outcome_SI.shape
    over_seeds = paired_difference(mean_SG.mean(1))
    if count < 2 or over_seeds.sd is None:
        return over_seeds
    dice = np.random.default_rng(0)
    drawn_R = np.empty(resamples)
    order_I = np.argsort(group_I, kind="stable")
    sizes_G = np.bincount(group_I)
    starts_I = np.repeat(np.cumsum(sizes_G) - sizes_G, sizes_G)
    weight_I = 1 / sizes_G[group_I[order_I]] / len(names)
    sorted_SI = outcome_SI[:, order_I]
    for r in range(resamples):
        seeds = np.bincount(dice.integers(count, size=count), minlength=count) / count
        picked_I = starts_I + (dice.random(items) * np.repeat(sizes_G, sizes_G)).astype(np.intp)
        drawn_R[r] = (seeds @ sorted_SI)[picked_I] @ weight_I
    # A bootstrap over n seeds sees (n − 1) / n of their variance.
    error = float(drawn_R.std(ddof=1)) * math.sqrt(count / (count - 1))
    error = max(error, over_seeds.sd / math.sqrt(count))
    return _with_error(over_seeds.mean, error, count - 1, over_seeds.sd, count, items)


def _with_error(
    mean: float, error: float, freedom: float, sd: float, pairs: int, items: int
) -> Difference:
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    # Without any spread the same runs are compared, or counts too coarse to differ.
    p = float(2 * stats.t.sf(abs(mean) / error, freedom)) if error > 0 else None
    return Difference(mean, mean - half, mean + half, p, sd, pairs, items, freedom)


def power(effect: float, sd: float, seeds: int) -> float:
    """Chance that a two-sided paired t test over ``seeds`` pairs finds a true effect."""
    freedom = seeds - 1
    limit = stats.t.ppf((1 + LEVEL) / 2, freedom)
    shift = effect / sd * math.sqrt(seeds)
    return float(stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift))


def seeds_needed(effect: float, sd: float) -> int | None:
    """The fewest pairs of runs whose power reaches 0.8; None if more than `MAX_SEEDS`."""
    if effect == 0:
        return None
    # With the standard deviation known fewer would do: a bound from below.
    normal = stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER)
    first = max(2, int((normal * sd / effect) ** 2))
    counts = range(first, MAX_SEEDS + 1)
    return next((n for n in counts if power(abs(effect), sd, n) >= POWER), None)


def smallest_effect(sd: float, seeds: int) -> float:
    """The smallest true difference that ``seeds`` pairs show with power 0.8."""
    low, high = 0.0, 1.0
    while power(high, 1.0, seeds) < POWER:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, 1.0, seeds) >= POWER else (middle, high)
    return high * sd


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction over all comparisons; None stays None."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        corrected[i] = highest
    return corrected

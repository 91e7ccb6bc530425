"""Means and differences over seeds: intervals, tests, power.

Seeds are few, so everything rests on Student's t: an interval over n seeds has n − 1 degrees of
freedom. With outcomes of single items, the standard error of a difference is that of a bootstrap
over seeds and items at once (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics
1(2)), which is never below that over seeds alone by more than sampling noise.

Shapes: S seeds, I items, G groups of items, R resamples.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8
MAX_SEEDS = 1_000  # more are not searched for
RESAMPLES = 2_000
DUST = 1e-9  # a spread below this share of the mean (or of 1) is rounding

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
        error: standard error of the mean.
        freedom: degrees of freedom of the standard error.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    sd: float | None
    pairs: int
    items: int = 0
    error: float = 0
    freedom: float = 0

    def needed(self, comparisons: int = 1) -> int | None:
        """Seeds per group that would show a difference this large with power 0.8.

        Args:
            comparisons: number of tests among which Holm's correction shares the level. The power
                is that of his first and strictest step.
        """
        if not self.sd:
            return None
        # What more seeds do not take away: the part of the items.
        over_seeds = self.sd**2 / self.pairs if self.items else self.error**2
        rest = math.sqrt(max(self.error**2 - over_seeds, 0))
        paired = self.pairs > 0
        return seeds_needed(self.mean, self.sd, rest, paired=paired, level=ALPHA / comparisons)

    def detectable(self, comparisons: int = 1) -> float | None:
        """The smallest true difference that these runs show with power 0.8; see `needed`."""
        return smallest_effect(self.error, self.freedom, ALPHA / comparisons) if self.sd else None


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
    if error < DUST * max(1, abs(mean)):
        error = sd = 0.0
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    # Without any spread the same runs are compared, or counts too coarse to differ.
    p = float(2 * stats.t.sf(abs(mean) / error, freedom)) if error > 0 else None
    return Difference(mean, mean - half, mean + half, p, sd, pairs, items, error, freedom)


def power(effect: float, error: float, freedom: float, level: float = ALPHA) -> float:
    """Chance that a two-sided t test at a level finds a true effect.

    Args:
        error, freedom: standard error of the estimated effect and its degrees of freedom; with n
            pairs of runs, their standard deviation divided by √n, and n − 1.
    """
    limit, shift = stats.t.isf(level / 2, freedom), effect / error
    # scipy's tail on the other side is NaN where it is below 1e-16.
    other_side = np.nan_to_num(stats.nct.cdf(-limit, freedom, shift))
    return float(stats.nct.sf(limit, freedom, shift) + other_side)


def seeds_needed(
    effect: float, sd: float, rest: float = 0.0, *, paired: bool = True, level: float = ALPHA
) -> int | None:
    """The fewest seeds per group whose power reaches 0.8; None if more than `MAX_SEEDS`.

    Args:
        sd: standard deviation of the difference of two runs.
        rest: standard error that stays with any number of seeds.
        paired: whether the runs are paired by seed.
    """

    def enough(seeds: int) -> bool:
        freedom = seeds - 1 if paired else 2 * seeds - 2
        return power(abs(effect), math.hypot(sd / math.sqrt(seeds), rest), freedom, level) >= POWER

    counts = range(2, MAX_SEEDS + 1)
    return counts[bisect_left(counts, True, key=enough)] if enough(MAX_SEEDS) else None


def smallest_effect(error: float, freedom: float, level: float = ALPHA) -> float:
    """The smallest true effect that is found with power 0.8; see `power`."""
    high = 1.0
    while power(high, 1.0, freedom, level) < POWER:
        high *= 2
    return error * float(brentq(lambda x: power(x, 1.0, freedom, level) - POWER, 0, high))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction over all comparisons; None stays None."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        corrected[i] = highest
    return corrected

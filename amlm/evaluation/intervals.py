"""95 % intervals of proportions, also near 0 and 1, where a bootstrap collapses.

Resampling 20 hits of 20 can only give 20 hits, and covers p = 0.97 in 40 items 70 % of the time.

Shapes: G groups; leading dimensions are independent cases.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

TAIL = 0.025
BORROWED = 4.0  # items at the overall mean that steady the variance of a group (Agresti & Coull)
NONE = 1e-9  # fewer hits or misses are rounding
Floats = NDArray[np.float64]


def jeffreys(hits: ArrayLike, misses: ArrayLike) -> tuple[Floats, Floats]:
    """The limits of a binomial proportion, elementwise: Jeffreys' equal-tailed interval.

    The quantiles of Beta(hits + 1/2, misses + 1/2), except that 0 and 1 are included where they
    were observed (Brown, Cai & DasGupta 2001, "Interval estimation for a binomial proportion").
    Hits and misses need not be integers.
    """
    hits, misses = np.asarray(hits, dtype=float), np.asarray(misses, dtype=float)
    beta = scipy.stats.beta
    low = np.where(hits > NONE, beta.ppf(TAIL, hits + 0.5, misses + 0.5), 0.0)
    high = np.where(misses > NONE, beta.ppf(1 - TAIL, hits + 0.5, misses + 0.5), 1.0)
    return low, high


def mean_interval(hits_G: Floats, counts_G: Floats, weights_G: Floats) -> tuple[Floats, Floats]:
    """The limits of a weighted mean of the proportions of independent groups.

    Jeffreys' interval at the effective sample size: the number of items that, drawn at random,
    would give the mean its variance (as for stratified surveys, Korn & Graubard 1998). For a
    single group it is the number of its items. Each group's variance borrows `BORROWED` items from
    all groups, since a small group without a miss would have none.
    """
    overall = (hits_G.sum(-1, keepdims=True) + 0.5) / (counts_G.sum(-1, keepdims=True) + 1)
    steady_G = (hits_G + BORROWED * overall) / (counts_G + BORROWED)
    steady = steady_G @ weights_G
    variance = (weights_G**2 * steady_G * (1 - steady_G) / counts_G).sum(-1)
    effective = steady * (1 - steady) / variance
    mean_G = hits_G / counts_G
    return jeffreys(effective * (mean_G @ weights_G), effective * ((1 - mean_G) @ weights_G))

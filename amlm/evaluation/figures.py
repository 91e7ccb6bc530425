"""Scores with what they are worth: an interval, the share of ties, the official figure beside them.

Intervals are 95 % bootstrap intervals over items, seeded. In our own figures a tie is never a hit;
the official pipeline counts the first candidate, the right one, as chosen.

Shapes: N items, G groups, R resamples, K predictors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

RESAMPLES = 2_000
SEED = 0
# A lead that two ways of adding the same numbers can make is none.
TIE = 1e-4

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    """One number of a report; accuracies and explained variance in per cent.

    Attributes:
        score: our own figure; None if there is none (a correlation of constants).
        low, high: its interval.
        official: what the official pipeline would say.
        ties: share of items in which the right candidate shares the highest score, in per cent.
        items: how many.
        unscored: how many of them were too long for the model; they count as misses in
            accuracies and are left out of everything else.
    """

    score: float | None
    low: float | None
    high: float | None
    official: float | None
    ties: float | None
    items: int
    unscored: int


@dataclass(frozen=True)
class Report:
    """The figures of a task.

    Attributes:
        totals: its scores, by the name of the measure.
        groups: figures by grouping and group, e.g. ``groups["field"]["syntax"]``.
        too_long: ids of items that the model could not take.
    """

    totals: dict[str, Figure]
    groups: dict[str, dict[str, Figure]]
    too_long: list[str]


@dataclass(frozen=True)
class Outcomes:
    """What became of each item: ``[N]`` each."""

    hit_N: Bools
    official_N: Bools
    tie_N: Bools
    scored_N: Bools


def outcomes(scores: list[Floats]) -> Outcomes:
    """Compares the candidates of each item; an item with a NaN among its scores is unscored."""
    scored_N = np.array([bool(np.isfinite(each).all()) for each in scores], dtype=bool)
    lead_N = np.array([each[0] - each[1:].max() for each in scores])
    first_N = np.array([np.argmax(each.astype(np.float32)) == 0 for each in scores], dtype=bool)
    with np.errstate(invalid="ignore"):
        return Outcomes(
            scored_N & (lead_N > TIE), scored_N & first_N, np.abs(lead_N) <= TIE, scored_N
        )


def accuracies(
    found: Outcomes, names: list[str], weights: Mapping[str, float] | None = None
) -> tuple[dict[str, Figure], Figure]:
    """Accuracy of each group of items, and the mean over groups.

    Items are resampled within their groups: the number of hits in a resample of n items of which k
    are hits has a binomial distribution, so it is drawn as such.

    Args:
        found: of each item.
        names: the group of each item.
        weights: of each group in the mean; None weighs all alike.
    """
    groups, group_N = np.unique(names, return_inverse=True)

    def counts(values_N: Bools) -> Floats:
        counted_G = np.bincount(group_N, weights=values_N, minlength=len(groups))
        return counted_G.astype(np.float64)

    size_G = counts(np.ones(len(names), dtype=bool))
    hit_G, official_G = counts(found.hit_N) / size_G, counts(found.official_N) / size_G
    tie_G, unscored_G = counts(found.tie_N) / size_G, counts(~found.scored_N)
    dice = np.random.default_rng(SEED)
    drawn_RG = dice.binomial(size_G.astype(int), hit_G, size=(RESAMPLES, len(groups))) / size_G
    weight_G = np.array([1.0 if weights is None else weights[name] for name in groups])
    weight_G /= weight_G.sum()

    def figure(weight_G: Floats, items: int, unscored: int) -> Figure:
        score, official, ties = (
            float(100 * (each @ weight_G)) for each in (hit_G, official_G, tie_G)
        )
        low, high = interval(100 * (drawn_RG @ weight_G))
        return Figure(score, low, high, official, ties, items, unscored)

    one_GG = np.eye(len(groups))
    by_group = {
        str(name): figure(one_G, int(size), int(unscored))
        for name, one_G, size, unscored in zip(groups, one_GG, size_G, unscored_G, strict=True)
    }
    return by_group, figure(weight_G, len(names), int(unscored_G.sum()))


def interval(drawn_R: Floats) -> tuple[float | None, float | None]:
    """The middle 95 % of a figure's resamples; None if fewer than that have the figure.

    A correlation, for one, is none where the same item was drawn every time.
    """
    there_R = drawn_R[np.isfinite(drawn_R)]
    if not len(there_R) or len(there_R) < 0.95 * len(drawn_R):
        return None, None
    low, high = np.percentile(there_R, [2.5, 97.5])
    return float(low), float(high)


def resampled(count: int) -> NDArray[np.intp]:
    """Indices of items drawn with replacement: ``[R, N]``."""
    return np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))


def pearson(x: Floats, y: Floats) -> Floats:
    """Correlation along the last axis; NaN where one side is constant."""
    x, y = (each - each.mean(-1, keepdims=True) for each in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))


def spearman(x: Floats, y: Floats) -> Floats:
    """Rank correlation along the last axis, ties at their mean rank."""
    return pearson(rankdata(x, axis=-1), rankdata(y, axis=-1))


def number(value: Floats | float) -> float | None:
    """A number for a report: None for NaN."""
    return float(value) if np.isfinite(value) else None

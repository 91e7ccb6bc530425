"""Scores with their uncertainty: a confidence interval, the tie rate, and the official score.

Intervals are 95 % intervals over items: of an accuracy those of `amlm.evaluation.intervals`, of a
correlation or an explained variance a seeded bootstrap. In our own scores a tie is never correct;
the official pipelines choose one of the tied candidates (see `amlm.evaluation.zero_shot.choices`).

Shapes: N items, G groups, R resamples, K predictors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy  # its submodules, a second, are imported at their first use
from numpy.typing import NDArray

from amlm.evaluation.intervals import mean_interval

RESAMPLES = 2_000
SEED = 0
# Smaller differences can arise from the order of summation alone.
TIE = 1e-4

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    """One score of a report; accuracies and explained variance in per cent.

    Attributes:
        score: our own score; None if it is undefined (a correlation with a constant).
        low, high: its confidence interval.
        official: the score that the official pipeline would report.
        ties: items in which the correct candidate shares the highest score, in per cent.
        items: number of items.
        unscored: number of items that were too long for the model; they count as errors in
            accuracies and are excluded from all other scores.
        expected: the mean of the official score over all draws among tied candidates, where it
            depends on draws.
    """

    score: float | None
    low: float | None
    high: float | None
    official: float | None
    ties: float | None
    items: int
    unscored: int
    expected: float | None = None


@dataclass(frozen=True)
class Report:
    """The scores of a task.

    Attributes:
        totals: scores of the whole task, by the name of the metric.
        groups: scores by grouping and group, e.g. ``groups["field"]["syntax"]``.
        too_long: ids of items that were too long for the model.
        hits: of an accuracy that is the mean over ``uid`` groups: for each group one character per
            item, 1 if it is correct. `amlm.compare` resamples them.
    """

    totals: dict[str, Figure]
    groups: dict[str, dict[str, Figure]]
    too_long: list[str]
    hits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcomes:
    """The outcome of each item, ``[N]`` each: correct, officially correct, tied, scored; and the
    probability that it is officially correct, or None if nothing is drawn.
    """

    hit_N: Bools
    official_N: Bools
    tie_N: Bools
    scored_N: Bools
    expected_N: Floats | None = None


def compare_candidates(
    scores: list[Floats], official_N: Bools, expected_N: Floats | None = None
) -> Outcomes:
    """Compares the candidates of each item; an item with a NaN score is unscored."""
    scored_N = np.array([bool(np.isfinite(each).all()) for each in scores], dtype=bool)
    lead_N = np.array([each[0] - each[1:].max() for each in scores])
    with np.errstate(invalid="ignore"):
        ours = scored_N & (lead_N > TIE), official_N, np.abs(lead_N) <= TIE, scored_N
    return Outcomes(*ours, expected_N)


def accuracies(
    found: Outcomes, names: list[str], weights: Mapping[str, float] | None = None
) -> tuple[dict[str, Figure], Figure]:
    """Accuracy of each group of items, given each item's, and the mean over groups.

    The mean has equal weights, or those by group.
    """
    groups, group_N = np.unique(names, return_inverse=True)

    def counts(values_N: Bools | Floats) -> Floats:
        counted_G = np.bincount(group_N, weights=values_N, minlength=len(groups))
        return counted_G.astype(np.float64)

    size_G = counts(np.ones(len(names), dtype=bool))
    right_G = counts(found.hit_N)
    hit_G, official_G = right_G / size_G, counts(found.official_N) / size_G
    tie_G, unscored_G = counts(found.tie_N) / size_G, counts(~found.scored_N)
    expected_G = None if found.expected_N is None else counts(found.expected_N) / size_G
    weight_G = np.array([1.0 if weights is None else weights[name] for name in groups])
    weight_G /= weight_G.sum()

    def figure(weight_G: Floats, items: int, unscored: int) -> Figure:
        score, official, ties = (
            float(100 * (each @ weight_G)) for each in (hit_G, official_G, tie_G)
        )
        low, high = (float(100 * each) for each in mean_interval(right_G, size_G, weight_G))
        expected = None if expected_G is None else float(100 * (expected_G @ weight_G))
        return Figure(score, low, high, official, ties, items, unscored, expected)

    one_GG = np.eye(len(groups))
    by_group = {
        str(name): figure(one_G, int(size), int(unscored))
        for name, one_G, size, unscored in zip(groups, one_GG, size_G, unscored_G, strict=True)
    }
    return by_group, figure(weight_G, len(names), int(unscored_G.sum()))


def interval(drawn_R: Floats) -> tuple[float | None, float | None]:
    """The central 95 % of the resampled scores; None if more than 5 % of them are undefined.

    A correlation, for example, is undefined if a resample repeats a single item.
    """
    finite_R = drawn_R[np.isfinite(drawn_R)]
    if not len(finite_R) or len(finite_R) < 0.95 * len(drawn_R):
        return None, None
    low, high = np.percentile(finite_R, [2.5, 97.5])
    return float(low), float(high)


def resample(count: int) -> NDArray[np.intp]:
    """Indices of items drawn with replacement: ``[R, N]``."""
    return np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))


def pearson(x: Floats, y: Floats) -> Floats:
    """Correlation along the last axis; NaN where x or y is constant."""
    x, y = (each - each.mean(-1, keepdims=True) for each in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))


def spearman(x: Floats, y: Floats) -> Floats:
    """Rank correlation along the last axis; ties get their mean rank."""
    return pearson(*(scipy.stats.rankdata(each, axis=-1) for each in (x, y)))


def number(value: Floats | float) -> float | None:
    """Converts a number for a report: NaN becomes None."""
    return float(value) if np.isfinite(value) else None

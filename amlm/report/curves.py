"""Curves over steps: of one run, and their means over seeds.

Shapes: S runs, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from amlm.report.statistics import LEVEL, Floats
from amlm.training.record import Record, scalars

Points = Mapping[int, float]  # value by step


@dataclass(frozen=True)
class Curve:
    """A mean over runs at each step.

    Attributes:
        mean, low, high: ``[T]``; the t interval over seeds is NaN where fewer than two runs have
            the step.
        count: runs at each step, ``[T]``.
    """

    steps: list[int]
    mean: Floats
    low: Floats
    high: Floats
    count: list[int]

    def plain(self) -> Curve:
        """The same without intervals."""
        nothing = np.full(len(self.steps), np.nan)
        return Curve(self.steps, self.mean, nothing, nothing, self.count)

    def at(self, kept: Sequence[int]) -> Curve:
        """The same at some of its indices."""
        return Curve(
            [self.steps[i] for i in kept],
            self.mean[kept],
            self.low[kept],
            self.high[kept],
            [self.count[i] for i in kept],
        )


def curves_of(records: Sequence[Record]) -> dict[str, dict[int, float]]:
    """All finite numbers of a log by name and step, e.g. ``validation/loss``."""
    curves: dict[str, dict[int, float]] = {}
    for record in records:
        if "step" in record:
            for name, value in scalars(record).items():
                if math.isfinite(value):
                    curves.setdefault(name, {})[record["step"]] = value
    return curves


def over_seeds(curves: Sequence[Points]) -> Curve:
    """The mean of curves and its interval, at every step that one of them has."""
    steps = sorted({step for curve in curves for step in curve})
    value_ST = np.array([[curve.get(step, np.nan) for step in steps] for curve in curves])
    known_ST = np.isfinite(value_ST)
    count_T = known_ST.sum(0)
    mean_T = np.where(known_ST, value_ST, 0).sum(0) / count_T
    squares_T = (np.where(known_ST, value_ST - mean_T, 0) ** 2).sum(0)
    half_T = np.full(len(steps), np.nan)
    for count in {int(each) for each in count_T if each > 1}:
        at = count_T == count
        t = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
        half_T[at] = t * np.sqrt(squares_T[at] / (count - 1) / count)
    return Curve(steps, mean_T, mean_T - half_T, mean_T + half_T, [int(n) for n in count_T])


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the indices 0 ... count-1, evenly spaced, with the first and the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})

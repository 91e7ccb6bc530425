"""The mask ratio p by step (Edman & Fraser 2025: 0.40 falling to 0.15).

Each schedule is a pure function of the step, so a resumed run continues with exactly the same
values. It is evaluated on the host, because the ratio determines the shape of the head's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from amlm.config.options import option


class Schedule(Protocol):
    """Maps a step (optimizer steps completed) of a run of ``total`` steps to a mask ratio."""

    def __call__(self, step: int, total: int) -> float: ...


def _progress(step: int, total: int) -> float:
    return min(max(step / total, 0.0), 1.0)


@dataclass
class Constant:
    """The same ratio at every step."""

    value: float = option(0.15, "mask ratio", gt=0, lt=1)

    def __call__(self, step: int, total: int) -> float:
        return self.value


@dataclass
class Linear:
    """A straight line from ``start`` at step 0 to ``end`` at the end of the run."""

    start: float = option(0.40, "mask ratio at the first step", gt=0, lt=1)
    end: float = option(0.15, "mask ratio at the end of the run", gt=0, lt=1)

    def __call__(self, step: int, total: int) -> float:
        return self.start + (self.end - self.start) * _progress(step, total)


@dataclass
class Cosine:
    """Half a cosine period from ``start`` to ``end``: slow, fast, slow."""

    start: float = option(0.40, "mask ratio at the first step", gt=0, lt=1)
    end: float = option(0.15, "mask ratio at the end of the run", gt=0, lt=1)

    def __call__(self, step: int, total: int) -> float:
        done = (1 - math.cos(math.pi * _progress(step, total))) / 2
        return self.start + (self.end - self.start) * done


@dataclass
class Step:
    """``stairs`` levels of equal length, from ``start`` to ``end`` in equal steps."""

    start: float = option(0.40, "mask ratio of the first level", gt=0, lt=1)
    end: float = option(0.15, "mask ratio of the last level", gt=0, lt=1)
    stairs: int = option(6, "number of levels", ge=2)

    def __call__(self, step: int, total: int) -> float:
        stair = min(step * self.stairs // total, self.stairs - 1)
        return self.start + (self.end - self.start) * stair / (self.stairs - 1)

"""The mask ratio p by step (Edman & Fraser 2025: 0.40 falling to 0.15).

Each schedule is a pure function of the step, so a resumed run continues with exactly the same
values. It is evaluated on the host, because the ratio determines the shape of the head's input.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amlm.config.options import option
from amlm.util.errors import InputError


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
class Cosine(Linear):
    """Half a cosine period from ``start`` to ``end``: slow, fast, slow."""

    def __call__(self, step: int, total: int) -> float:
        done = (1 - math.cos(math.pi * _progress(step, total))) / 2
        return self.start + (self.end - self.start) * done


@dataclass
class Step(Linear):
    """``stairs`` levels of equal length, from ``start`` to ``end`` in equal steps."""

    stairs: int = option(6, "number of levels", ge=2)

    def __call__(self, step: int, total: int) -> float:
        stair = min(step * self.stairs // total, self.stairs - 1)
        return self.start + (self.end - self.start) * stair / (self.stairs - 1)


@dataclass
class Realised:
    """The mask ratios that another run realised, by its record: the control for a gain that comes
    from masking more or less than the target. A run of another length is stretched."""

    run: str | None = option(None, "folder of the other run, which has finished")

    def __post_init__(self) -> None:
        if self.run is None:
            raise InputError("run is not set: give masking.schedule.run=<folder of a finished run>")
        log = Path(self.run).expanduser() / "log.jsonl"
        try:
            lines = log.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise InputError(
                f"run={self.run} has no readable log.jsonl ({error.strerror}): name a run folder"
            ) from error
        # The truncated last line of a killed run does not end its object.
        found = [json.loads(line) for line in lines if line.endswith("}")]
        if not any(each["kind"] == "summary" for each in found):
            raise InputError(
                f"run={self.run} has not finished, its log.jsonl has no summary: let that run "
                "finish, or name another"
            )
        records = [each for each in found if each["kind"] == "train"]
        self._until = [int(each["step"]) for each in records]
        self._ratios = [float(each["realised_ratio"]) for each in records]
        if not records or not all(0 < ratio < 1 for ratio in self._ratios):
            raise InputError(
                f"run={self.run} has no mask ratios in log.jsonl: name the folder of a run that "
                "trained until its first train record or longer"
            )

    def digests(self) -> dict[str, str]:
        """What was read, by the option that names its place."""
        read = json.dumps([self._until, self._ratios]).encode()
        return {"run": hashlib.blake2b(read, digest_size=16).hexdigest()}

    def __call__(self, step: int, total: int) -> float:
        # A record is about the steps since the previous one, up to and without its own.
        there = _progress(step, total) * self._until[-1]
        return self._ratios[min(bisect.bisect_right(self._until, there), len(self._ratios) - 1)]

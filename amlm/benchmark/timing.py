"""Interleaved timing of several tasks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch

from amlm.util.progress_bar import progress_bar


@dataclass(frozen=True)
class Spread:
    """Median and range of a number over rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        numbers = list(numbers)
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    @classmethod
    def of_quotients(cls, numbers: Iterable[float], divisors: Iterable[float]) -> Spread:
        """The spread of the quotients, computed round by round."""
        return cls.of(a / b for a, b in zip(numbers, divisors, strict=True))


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def time_task(task: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Mean seconds of ``times`` consecutive calls, including the work of the device."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(times):
        task()
    synchronize(device)
    return (time.perf_counter() - start) / times


def run_interleaved(
    tasks: Mapping[str, Callable[[], float]], rounds: int, note: str
) -> dict[str, list[float]]:
    """The results of each task in each round, after one warm-up round.

    Each round runs every task once, so that temporary slowdowns of the machine affect all of them.
    """
    results: dict[str, list[float]] = {name: [] for name in tasks}
    with progress_bar(total=(rounds + 1) * len(tasks), desc=note, unit=" runs") as bar:
        for number in range(rounds + 1):
            for name, task in tasks.items():
                result = task()
                if number:
                    results[name].append(result)
                bar.update()
    return results


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a large square matrix product."""
    size = 2_048 if device.type == "cpu" else 8_192
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    torch.mm(a, b, out=out)
    return 2 * size**3 / time_task(lambda: torch.mm(a, b, out=out), device, 3)

"""Interleaved timing of several tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from amlm.util.progress_bar import progress_bar


@dataclass(frozen=True)
class Spread:
    """Median and range of a number over rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: ArrayLike) -> Spread:
        low, median, high = np.percentile(np.asarray(numbers), [0, 50, 100])
        return cls(float(median), float(low), float(high))


def time_task(task: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Mean seconds of ``times`` consecutive calls, including the work of the device."""
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    for _ in range(times):
        task()
    wait()
    return (time.perf_counter() - start) / times


def run_interleaved(
    tasks: Mapping[str, Callable[[], ArrayLike]], rounds: int, note: str
) -> dict[str, NDArray[np.float64]]:
    """The results of each task in each round, after one warm-up round.

    Each round runs every task once, so that temporary slowdowns of the machine affect all of them.
    """
    results: dict[str, list[ArrayLike]] = {name: [] for name in tasks}
    with progress_bar(total=(rounds + 1) * len(tasks), desc=note, unit=" runs") as bar:
        for number in range(rounds + 1):
            for name, task in tasks.items():
                result = task()
                if number:
                    results[name].append(result)
                bar.update()
    return {name: np.array(each) for name, each in results.items()}


MATRIX_SIZE, MATRIX_SIZE_ON_GPU = 2_048, 8_192


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a large square matrix product."""
    size = MATRIX_SIZE if device.type == "cpu" else MATRIX_SIZE_ON_GPU
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    torch.mm(a, b, out=out)
    return 2 * size**3 / time_task(lambda: torch.mm(a, b, out=out), device, 3)

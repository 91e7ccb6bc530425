"""Sweeps whose process is killed: started again they train each run once, with every launcher."""

from __future__ import annotations

import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests import forked

STEPS = ("trainer.max_steps=2", "checkpoints.every=1", "masking.update_every=1")
SECONDS = 300  # for what takes some, on a busy machine

Train = Callable[[list[str]], None]


def _train_in_forks(overrides: list[str]) -> None:
    """Trains in processes that are forked from this one, not from a server that would first import
    what they need."""
    context = multiprocessing.get_context("fork")
    with mock.patch.object(multiprocessing, "get_context", lambda _: context):
        forked.train(overrides)


def _train_on_one_cpu(overrides: list[str]) -> None:
    """Trains on a Ray cluster that has one process, which imports once what all runs need."""
    import ray

    with mock.patch.object(ray, "init", partial(ray.init, num_cpus=1)):
        forked.train(overrides)


class KilledSweep:
    """A sweep, started in forked processes."""

    def __init__(self, folder: Path, overrides: list[str]) -> None:
        self.folder, self.output = folder / "mine", folder / "output.txt"
        self.overrides = [*overrides, *STEPS, f"run_dir={self.folder}"]

    def start(self, train: Train, *more: str) -> BaseProcess:
        self.output.unlink(missing_ok=True)
        return forked.start(train, ["-m", *self.overrides, *more], output=self.output)

    def kill(self, train: Train, finished: int, *more: str) -> dict[str, int]:
        """Kills it when so many runs have finished and another has a checkpoint; returns those."""
        process = self.start(train, *more)
        deadline = time.monotonic() + SECONDS
        while len(self.finished()) < finished or not self.begun():
            assert process.exitcode is None and time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        process.kill()
        process.join()
        return self.finished()

    def finish(self, train: Train, *more: str) -> str:
        process = self.start(train, *more)
        assert forked.status(process) == 0, self.said()
        return self.said()

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def _runs(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self.folder.glob("*/run.json")):
            yield path.parent, json.loads(path.read_text(encoding="utf-8"))

    def finished(self) -> dict[str, int]:
        """When the log of each finished run was last written."""
        return {
            folder.name: (folder / "log.jsonl").stat().st_mtime_ns
            for folder, run in self._runs()
            if run["finished"]
        }

    def begun(self) -> list[str]:
        """The runs that have a checkpoint and have not finished."""
        return [
            folder.name
            for folder, run in self._runs()
            if not run["finished"] and (folder / "checkpoints" / "last").exists()
        ]

    def resumed(self) -> list[str]:
        return [folder.name for folder, run in self._runs() if run.get("resumed")]


@pytest.fixture
def sweep(tmp_path: Path, tiny_overrides: list[str]) -> KilledSweep:
    return KilledSweep(tmp_path, [*tiny_overrides, f"paths.outputs={tmp_path / 'outputs'}"])


def _train_each_run_once(
    sweep: KilledSweep, kills: list[int], runs: int, *grid: str, trains: tuple[Train, Train]
) -> None:
    """The killed sweeps train with the first of `trains`, the one that finishes with the second."""
    stages = [sweep.kill(trains[0], after, *grid) for after in kills]
    said = sweep.finish(trains[1], *grid)
    last = sweep.finished()
    assert len(last) == runs and not sweep.begun()
    for earlier in stages:  # those that had finished then were not touched again
        assert earlier.items() <= last.items()
    counts = re.search(rf"{runs} runs: (\d+) finished, (\d+) skipped\n", said)
    assert counts is not None, said
    trained, skipped = map(int, counts.groups())
    # A run of a killed sweep that is a process of its own may finish just after the kill.
    assert trained + skipped == runs and skipped >= len(stages[-1])


def test_a_sweep_of_eight_killed_twice_trains_each_run_once(sweep: KilledSweep) -> None:
    grid = ("experiment=mlm,hard", "seed=0,1,2,3")
    _train_each_run_once(sweep, [2, 5], 8, *grid, trains=(forked.train, forked.train))
    assert sweep.resumed()


def test_a_parallel_sweep_killed_trains_each_run_once(sweep: KilledSweep) -> None:
    grid = ("hydra/launcher=parallel", "seed=0,1,2,3")
    _train_each_run_once(sweep, [1], 4, *grid, trains=(forked.train, _train_in_forks))


@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'amlm[ray]'")
def test_a_sweep_on_a_ray_cluster_killed_trains_each_run_once(sweep: KilledSweep) -> None:
    grid = ("hydra/launcher=ray", "seed=0,1,2")
    _train_each_run_once(sweep, [1], 3, *grid, trains=(_train_on_one_cpu, _train_on_one_cpu))

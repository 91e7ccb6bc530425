"""Sweeps whose process is killed: started again they train each run once, with every launcher."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

STEPS = ("trainer.max_steps=2", "checkpoints.every=1", "masking.update_every=1")
QUIET = ("hydra/job_logging=none", "hydra/hydra_logging=none")
SECONDS = 300  # for what takes some, on a busy machine


def _train(overrides: list[str], output: Path) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    from amlm.train import main

    sys.argv = ["amlm.train", "-m", *QUIET, *overrides]
    main()


class KilledSweep:
    """A sweep, started in processes forked from a server that has imported torch."""

    def __init__(self, folder: Path, overrides: list[str]) -> None:
        self.folder, self.output = folder / "mine", folder / "output.txt"
        self.overrides = [*overrides, *STEPS, f"run_dir={self.folder}"]
        self.server = multiprocessing.get_context("forkserver")
        self.server.set_forkserver_preload(["amlm.training.run", "hydra.main"])

    def start(self, *more: str) -> BaseProcess:
        process = self.server.Process(target=_train, args=([*self.overrides, *more], self.output))
        process.start()
        return process

    def kill(self, finished: int, *more: str) -> dict[str, int]:
        """Kills it when so many runs have finished and another has a checkpoint; returns those."""
        process = self.start(*more)
        deadline = time.monotonic() + SECONDS
        while len(self.finished()) < finished or not self.begun():
            assert process.exitcode is None and time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        process.kill()
        process.join()
        return self.finished()

    def finish(self, *more: str) -> str:
        process = self.start(*more)
        process.join(SECONDS)
        assert process.exitcode == 0, self.said()
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


def _train_each_run_once(sweep: KilledSweep, kills: list[int], runs: int, *grid: str) -> None:
    stages = [sweep.kill(after, *grid) for after in kills]
    said = sweep.finish(*grid)
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
    _train_each_run_once(sweep, [2, 5], 8, "experiment=mlm,hard", "seed=0,1,2,3")
    assert sweep.resumed()


def test_a_parallel_sweep_killed_trains_each_run_once(sweep: KilledSweep) -> None:
    _train_each_run_once(sweep, [1], 4, "hydra/launcher=parallel", "seed=0,1,2,3")


@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'amlm[ray]'")
def test_a_sweep_on_a_ray_cluster_killed_trains_each_run_once(sweep: KilledSweep) -> None:
    _train_each_run_once(sweep, [1], 3, "hydra/launcher=ray", "seed=0,1,2")

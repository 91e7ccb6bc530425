"""Real trainings that are killed. What they leave is compared by SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from amlm.config.composition import parse
from amlm.config.schema import Config
from tests import forked

TIMES = ("tokens_per_second", "seconds", "peak_memory")  # in the log, they vary
# Word checkpoints, updates, validations and checkpoints, on the same steps and on different ones.
OPTIONS = (
    *("scale=small", "impl=cpu", "data=babylm", "experiment=hard_decay", "trainer.threads=1"),
    *("model.hidden_size=32", "model.layers=2", "model.heads=2", "model.intermediate_size=64"),
    *("tokenizer.vocab_size=300", "data.tokens_per_step=512", "data.validation_tokens=1024"),
    *("trainer.max_steps=24", "trainer.log_every=1", "trainer.validate_every=10"),
    *("masking.update_every=6", "checkpoints.every=5", "checkpoints.words_by=steps"),
)
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir"}


@dataclass(frozen=True)
class Instant:
    """Just before the n-th operation of a kind on a file whose path contains a text."""

    event: str  # of `FILE_EVENTS`; "open" means for writing
    path: str
    count: int = 1


@dataclass(frozen=True)
class Faults:
    """What goes wrong in a training.

    Attributes:
        kill_at: the process kills itself then.
        plant: a bug: ``statistics`` does not save the statistics of the window, ``generator`` seeds
            the masks' generator once, and does not save it.
        file_limit: bytes that no file may exceed, as on a full disk.
    """

    kill_at: Instant | None = None
    plant: str | None = None
    file_limit: int | None = None


def _kill_at(instant: Instant) -> None:
    left = instant.count

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event != instant.event:
            return
        reads = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if reads or not any(instant.path in str(each) for each in arguments[:2]):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _plant(bug: str) -> None:
    from amlm.masking.policy import MaskingPolicy
    from amlm.training.lightning_module import AdaptiveMaskedLM

    def forget(self: AdaptiveMaskedLM, checkpoint: dict[str, Any]) -> None:
        for name, value in checkpoint["state_dict"].items():
            if name.startswith("masking.statistics_"):
                checkpoint["state_dict"][name] = torch.zeros_like(value)

    class SeededOnce(torch.Generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            return self

    made = MaskingPolicy.__init__

    def make(self: MaskingPolicy, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        self._generator = SeededOnce()

    if bug == "statistics":
        mock.patch.object(AdaptiveMaskedLM, "on_save_checkpoint", forget).start()
    else:
        assert bug == "generator"
        mock.patch.object(MaskingPolicy, "__init__", make).start()


def _train(config: Config, faults: Faults) -> None:
    if faults.file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults.file_limit, faults.file_limit))
    if faults.plant is not None:
        _plant(faults.plant)
    if faults.kill_at is not None:
        _kill_at(faults.kill_at)
    from amlm.training.callbacks import word_checkpoints

    # Of 24 steps nearly each would export: three do.
    word_checkpoints.THRESHOLDS[:] = word_checkpoints.THRESHOLDS[9::4]
    forked.train_composed(config)


class Trainings:
    """Starts trainings of one text.

    Args:
        folder: for the text, the cache and the runs.
        write_text: fills a folder with text in BabyLM's layout.
    """

    def __init__(self, folder: Path, write_text: Callable[[Path], object]) -> None:
        self.folder = folder
        self.text = folder / "text"
        self.text.mkdir(parents=True)
        write_text(self.text)
        self.output = folder / "output.txt"

    @cached_property
    def config(self) -> Config:
        where = (f"data.dir={self.text}", f"paths.cache={self.folder / 'cache'}")
        return parse(Config, (*OPTIONS, *where))

    def start(
        self, run: Path, faults: Faults | None = None, cache: Path | None = None
    ) -> BaseProcess:
        paths = replace(self.config.paths, cache=str(cache or self.config.paths.cache))
        config = replace(self.config, run_dir=str(run), paths=paths)
        return forked.start(_train, config, faults or Faults(), output=self.output)

    def train(self, run: Path, faults: Faults | None = None) -> int:
        """Trains until the run ends or is killed; returns the exit status."""
        return forked.status(self.start(run, faults))

    def kill_after(self, seconds: float, run: Path, faults: Faults, cache: Path | None) -> bool:
        """Kills a training after a time; returns whether it was still running."""
        process = self.start(run, faults, cache)
        process.join(seconds)
        process.kill()
        process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise AssertionError(f"ended with {process.exitcode}: see {self.output}")
        return process.exitcode != 0


def _digest(content: Any) -> str:
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value, key=str):
                add((key, value[key]))
        elif isinstance(value, (list, tuple)):
            found.update(f"{len(value)}:".encode())
            for each in value:
                add(each)
        elif isinstance(value, torch.Tensor):
            found.update(f"{value.dtype}{tuple(value.shape)}".encode())
            found.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        else:
            found.update(repr(value).encode())

    add(content)
    return found.hexdigest()


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of all that a run computed, by name: the parts of its last checkpoint, tables, log
    without times, exported models."""
    from amlm.training.checkpoint_files import newest

    _, state = newest(run)
    state.pop("record")  # has the size of the log, which has times
    found = {f"checkpoint {key}": _digest(value) for key, value in state.items()}
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    records = [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]
    found["log"] = _digest(records)
    models = (run / "checkpoints").glob("chck_*/model.safetensors")
    for path in (run / "tables.f32", run / "hf" / "model.safetensors", *models):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(run))] = content
    return found


def differing(run: Path, whole: Path) -> list[str]:
    """Names of what differs between two finished runs."""
    ours, theirs = digests(run), digests(whole)
    return [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]


def made_up_text(folder: Path) -> None:
    """Text in BabyLM's layout, a function of nothing."""
    dice = random.Random(7)
    words = ["".join(dice.choices("aeioubdgklmnrst", k=dice.randint(2, 7))) for _ in range(200)]
    for split, lines in (("train", 1_500), ("dev", 300)):
        text = [" ".join(dice.choices(words[: dice.randint(5, 200)], k=9)) for _ in range(lines)]
        (folder / f"stories.{split}").write_text("\n".join(text) + "\n", encoding="utf-8")


def timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started

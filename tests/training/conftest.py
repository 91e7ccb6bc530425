"""A tiny run for tests of whole runs: text files in BabyLM's layout, a tiny model."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amlm.config.composition import parse
from amlm.config.schema import Config
from amlm.train import main, train
from amlm.training.callbacks.metrics import Metrics
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log, read_tables
from amlm.training.run import Result

TINY = (
    "scale=small",
    "impl=cpu",
    "data=babylm",
    "model.hidden_size=32",
    "model.layers=2",
    "model.heads=2",
    "model.intermediate_size=64",
    "tokenizer.vocab_size=500",
    "data.tokens_per_step=512",
    "data.validation_tokens=1024",
    "trainer.log_every=1",
    "trainer.validate_every=0",
    "trainer.threads=1",
)


def _line(dice: random.Random) -> str:
    # Agreement between a subject and its verb, words with Zipf-like frequencies.
    nouns, plural = ["dog", "cat", "bird", "farmer", "teacher", "wug"], dice.random() < 0.5
    verbs = ["see", "like", "follow", "hear"]
    subject = nouns[min(int(dice.expovariate(0.7)), 5)] + ("s" if plural else "")
    verb = verbs[min(int(dice.expovariate(0.9)), 3)] + ("" if plural else "s")
    tail = dice.choice(
        ["the small house", "a red ball", "an old tree", "the wuggish dax", "42 mats"]
    )
    return f"The {subject} {verb} {tail} {dice.choice(['today', 'again', 'near the river', ''])}."


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources with train and dev files."""
    folder = tmp_path_factory.mktemp("text")
    dice = random.Random(7)
    for name in ("stories", "talk"):
        for split, lines in (("train", 1_500), ("dev", 300)):
            text = "\n".join(_line(dice) for _ in range(lines))
            (folder / f"{name}.{split}").write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny_options() -> tuple[str, ...]:
    """The overrides of a tiny run but for its folders."""
    return TINY


@pytest.fixture(scope="session")
def tiny_overrides(text_folder: Path, cache: Path) -> list[str]:
    """The overrides of a tiny run, but for its place."""
    return [*TINY, f"data.dir={text_folder}", f"paths.cache={cache}"]


@pytest.fixture
def overrides(tiny_overrides: list[str], tmp_path: Path) -> list[str]:
    """The overrides of a tiny run."""
    return [*tiny_overrides, f"paths.outputs={tmp_path / 'outputs'}"]


_parsed = lru_cache(partial(parse, Config))


@pytest.fixture
def tiny(tiny_overrides: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Composes a tiny configuration with further overrides; the same options only once, wherever
    they are to run."""

    def make(*more: str) -> Config:
        where = {each for each in more if each.startswith("run_dir=")}
        config = deepcopy(_parsed((*tiny_overrides, *(each for each in more if each not in where))))
        config.paths.outputs = str(tmp_path / "outputs")
        config.run_dir = where.pop().removeprefix("run_dir=") if where else None
        return config

    return make


@pytest.fixture
def tiny_run(tiny: Callable[..., Config]) -> Callable[..., Result]:
    """Trains a tiny configuration with further overrides."""
    return lambda *more: train(tiny(*more))


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Config, int], None]:
    """Trains a configuration until Ctrl-C at the end of a step, before its checkpoint."""

    def start(config: Config, step: int) -> None:
        original = Metrics.on_step_end

        def stops(self: Metrics, trainer: Any, module: Any, now: int) -> None:
            original(self, trainer, module, now)
            if now == step:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)):
            patch.setattr(Metrics, "on_step_end", stops)
            train(config)

    return start


@pytest.fixture
def command(overrides: list[str]) -> list[str]:
    """The command that trains a tiny configuration in a new process."""
    return [sys.executable, "-m", "amlm.train", *overrides]


@pytest.fixture
def stopped_and_resumed(interrupt: Callable[[Config, int], None]) -> Callable[[Config, int], Path]:
    """Trains, is interrupted after a step, and trains again with the same configuration."""

    def run(config: Config, after: int) -> Path:
        interrupt(config, after)
        assert not json.loads((Path(str(config.run_dir)) / "run.json").read_text())["finished"]
        return train(config).folder

    return run


@pytest.fixture(scope="session")
def same_run() -> Callable[[Path, Path], None]:
    """Asserts that two run folders hold the same weights, tables and records, but for costs."""

    def timeless(folder: Path) -> list[dict[str, object]]:
        drop = ("tokens_per_second", "seconds", "peak_memory")
        return [
            {k: v for k, v in r.items() if k not in drop and not k.startswith("DeviceStats")}
            for r in read_log(folder)
        ]

    def check(one: Path, other: Path) -> None:
        states = [newest(folder)[1] for folder in (one, other)]
        # Lightning's counters too, whatever was resumed how often.
        for key in ("loops", "epoch", "data", "generators", "lr_schedulers"):
            assert states[0][key] == states[1][key], key
        ours, theirs = (state["state_dict"] for state in states)
        assert ours.keys() == theirs.keys()
        for name, mine in ours.items():
            value = theirs[name]
            assert torch.equal(mine, value) if torch.is_tensor(mine) else mine == value, name
        np.testing.assert_array_equal(read_tables(one)[1], read_tables(other)[1])
        assert timeless(one) == timeless(other)

    return check


@pytest.fixture
def command_here(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs that command with further overrides in this process.

    Hydra is kept from pointing the logging of all later tests at this one's output.
    """
    monkeypatch.chdir(tmp_path)
    quiet = ("hydra/job_logging=none", "hydra/hydra_logging=none")

    def give(*more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["amlm.train", *quiet, *overrides, *more])
        main()

    return give

"""A run resumes if its science and content are the same, whatever has moved: compared to the
bit with a run that was never stopped. Otherwise it is refused, with what changed and what to do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amlm.config.composition import parse
from amlm.config.options import options
from amlm.config.run_schema import NOT_SCIENCE
from amlm.config.schema import Config, SourceConfig
from amlm.masking.schedule import Realised
from amlm.masking.signals.table import Table
from amlm.store.datamodule import TextDataModule
from amlm.store.token_store import open_store
from amlm.text import corpora
from amlm.train import train
from amlm.training.assemble import make_parts
from amlm.training.check_run import check_run
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log
from amlm.training.run_description import describe
from amlm.training.run_folder import (
    RunFolder,
    check_digests,
    claim,
    digests_of,
    recorded_content,
)
from amlm.util.errors import InputError

SameRun = Callable[[Path, Path], None]
STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=12",
    "checkpoints.every=5",
    "masking.update_every=4",
    "trainer.validate_every=6",
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, text_folder: Path, tiny_options: tuple[str, ...]
) -> Path:
    """Holds ``text``, ``cache``, an uninterrupted ``whole`` run and one that was ``stopped`` after
    step 7. Tests must not modify it, see `moved`."""
    from amlm.training.callbacks.metrics import Metrics

    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(text_folder, folder / "text")
    train(_config(folder, tiny_options, run_dir="whole"))
    original = Metrics.on_step_end

    def stops(self: Metrics, trainer: Any, module: Any, step: int) -> None:
        original(self, trainer, module, step)
        if step == 7:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)):
        patch.setattr(Metrics, "on_step_end", stops)
        train(_config(folder, tiny_options, run_dir="stopped"))
    return folder


def _config(folder: Path, tiny_options: tuple[str, ...], *more: str, run_dir: str) -> Config:
    places = (f"data.dir={folder / 'text'}", f"paths.cache={folder / 'cache'}")
    return parse(Config, [*tiny_options, *STEPS, *places, f"run_dir={folder / run_dir}", *more])


@pytest.fixture
def moved(home: Path, tmp_path: Path) -> Path:
    """A copy of `home` in another place."""
    for name in ("text", "cache", "stopped"):
        shutil.copytree(home / name, tmp_path / "moved" / name)
    return tmp_path / "moved"


@pytest.fixture
def resuming(moved: Path, tiny_options: tuple[str, ...]) -> Callable[..., Config]:
    """``resuming(*overrides)``: the configuration that resumes the run of `moved`."""
    return lambda *more: _config(moved, tiny_options, *more, run_dir="stopped")


def checkpoint_of(folder: Path) -> dict[str, Any]:
    saved = newest(folder)[1]
    return dict(saved)


def refused(config: Config, *parts: str) -> str:
    """Asserts that a run is refused in one line, and leaves its folder as it was."""
    assert config.run_dir is not None
    before = {p: p.read_bytes() for p in Path(config.run_dir).rglob("*.*") if p.name != ".lock"}
    with pytest.raises(InputError) as error:
        train(config)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    after = {p: p.read_bytes() for p in Path(config.run_dir).rglob("*.*") if p.name != ".lock"}
    assert after == before
    return str(error.value)


def test_run_folder_and_checkpoint_hold_what_identifies_the_content(home: Path) -> None:
    run = json.loads((home / "stopped" / "run.json").read_text(encoding="utf-8"))
    content = run["content"]
    store = home / "cache" / content["store"]
    meta = json.loads((store / "meta.json").read_text(encoding="utf-8"))
    assert content["digest"] == meta["digest"] and content["hub"] == {}
    assert content["tokenizer"] == meta["files"]["tokenizer/tokenizer.json"]["digest"]
    assert [text.split(":")[0] for text in content["key"]["text"]["dev"]] == ["stories", "talk"]
    assert checkpoint_of(home / "stopped")["TextDataModule"] == content
    assert str(home) not in json.dumps(content)


def test_a_moved_run_with_moved_text_and_a_lost_cache_ends_with_the_same_bits(
    home: Path,
    moved: Path,
    resuming: Callable[..., Config],
    same_run: SameRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[dict[str, Any]] = []
    original = TextDataModule.load_state_dict

    def load(self: TextDataModule, state_dict: dict[str, Any]) -> None:
        loaded.append(state_dict)
        original(self, state_dict)

    monkeypatch.setattr(TextDataModule, "load_state_dict", load)
    (moved / "text").rename(moved / "elsewhere")
    shutil.rmtree(moved / "cache")
    config = resuming(
        f"data.dir={moved / 'elsewhere'}",
        f"paths.cache={moved / 'new_cache'}",
        *("data.workers=1", "checkpoints.every=4", "objective=summary/loss_after"),
    )
    check_run(config)
    same_run(train(config).folder, home / "whole")
    run = json.loads((moved / "stopped" / "run.json").read_text(encoding="utf-8"))
    assert loaded == [run["content"]]


def test_other_intervals_resume_without_the_text_of_a_cached_store(
    home: Path, moved: Path, resuming: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(moved / "text")
    config = resuming("trainer.log_every=5", "trainer.validate_every=0", "logger=csv", "name=other")
    check_run(config)
    folder = train(config).folder
    assert f"is used without its text: data.dir={moved / 'text'}" in capsys.readouterr().out
    ours, theirs = (checkpoint_of(each)["state_dict"] for each in (folder, home / "whole"))
    for name, value in theirs.items():
        if name.startswith(("model.", "masking.")) and torch.is_tensor(value):
            assert torch.equal(ours[name], value), name
    steps = [record["step"] for record in read_log(folder) if record["kind"] == "train"]
    assert steps == [1, 2, 3, 4, 5, 10, 12]


def test_a_corrupted_cache_is_rebuilt_before_a_run_resumes(
    moved: Path, resuming: Callable[..., Config]
) -> None:
    config = resuming()
    content = recorded_content(config)
    assert content is not None
    ids = moved / "cache" / content.store / "train.ids"
    intact = ids.read_bytes()
    ids.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    store = open_store(config.data, config.tokenizer, moved / "cache", print, content)
    assert store.content == content and ids.read_bytes() == intact


def test_changed_text_is_refused(moved: Path, resuming: Callable[..., Config]) -> None:
    with (moved / "text" / "talk.train").open("a", encoding="utf-8") as file:
        file.write("One more line.\n")
    said = refused(
        resuming(),
        f"run_dir={moved / 'stopped'} can't be resumed",
        "the training text talk has changed",
        "Put back what the run was started with, or train in another folder",
    )
    assert "held-out" not in said and "stories" not in said
    assert len(list((moved / "cache").glob("store-*/"))) == 1


def test_changed_science_is_refused(moved: Path, resuming: Callable[..., Config]) -> None:
    config = resuming()
    for option, value, expected in (
        ("seed", 4, "seed was 0 and is now 4"),
        ("masking.smoothing", 0.3, "masking.smoothing was 0.2 and is now 0.3"),
        ("trainer.max_steps", 14, "trainer.max_steps was 12 and is now 14"),
        ("data.shares", {"talk": 1.0}, "data.shares.talk was absent and is now 1.0"),
        ("trainer.precision", "bf16-true", "in precision 32, and trainer.precision=bf16-true is"),
    ):
        section, _, name = option.rpartition(".")
        changed = deepcopy(config)
        setattr(attrgetter(section)(changed) if section else changed, name, value)
        refused(changed, f"run_dir={moved / 'stopped'}", expected, "another folder")


def test_text_and_store_that_are_both_gone_are_named(
    moved: Path, resuming: Callable[..., Config]
) -> None:
    shutil.rmtree(moved / "text")
    shutil.rmtree(moved / "cache")
    store = r"its store .*/cache/store-\w+ does not exist\. Put the text back, or give the cache"
    assert re.search(store, refused(resuming(), f"data.dir={moved / 'text'}"))


def test_a_checkpoint_of_a_run_on_other_text_is_refused(
    home: Path, tiny_options: tuple[str, ...]
) -> None:
    config = _config(home, tiny_options, run_dir="stopped")
    store = open_store(config.data, config.tokenizer, home / "cache")
    data = make_parts(config, store).data
    state = data.state_dict()
    data.load_state_dict(state)
    text = {**state["key"]["text"], "train": ["stories: files of another run"]}
    with pytest.raises(InputError) as error:
        data.load_state_dict({**state, "digest": "0" * 32, "key": {**state["key"], "text": text}})
    for part in (
        f"the checkpoint was saved by a run on the store {store.folder.name}",
        "the training text stories has changed, the training text talk is new",
        "resume each run in its own folder",
    ):
        assert part in str(error.value)


def test_a_run_without_digests_says_why_it_cannot_resume(
    moved: Path, resuming: Callable[..., Config]
) -> None:
    path = moved / "stopped" / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    del run["content"]
    run["versions"]["amlm"] = "0.2.0"
    path.write_text(json.dumps(run), encoding="utf-8")
    refused(
        resuming(),
        f"run_dir={moved / 'stopped'} was started by amlm 0.2.0",
        "recorded no digests of its text and tokenizer",
        "resume it with that version, or choose another folder",
    )


def test_hub_text_resumes_at_its_commit_without_a_connection(
    tiny_options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        (f"The cat sees {number} dogs and likes {number % 7} birds.",) for number in range(900)
    ]
    monkeypatch.setattr(corpora, "hub_revision", lambda name: COMMIT)
    monkeypatch.setattr(corpora, "read_hub", lambda name, split, columns: iter(lines))
    config = parse(
        Config,
        [
            *tiny_options,
            *("data.sources.babylm.path=hub:me/wiki", "data.holdout=0.3"),
            *("trainer.max_steps=2", f"run_dir={tmp_path / 'run'}"),
            f"paths.cache={tmp_path / 'cache'}",
        ],
    )
    train(config)
    path = tmp_path / "run" / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    assert run["content"]["hub"] == {"me/wiki": COMMIT}
    path.write_text(json.dumps({**run, "finished": None}), encoding="utf-8")

    def unreachable(*_: object) -> None:
        raise AssertionError("asked the Hub")

    monkeypatch.setattr(corpora, "hub_revision", unreachable)
    monkeypatch.setattr(corpora, "read_hub", unreachable)
    check_run(config)
    train(config)
    again = json.loads(path.read_text(encoding="utf-8"))
    assert again["resumed"][0]["step"] == 2 and again["content"] == run["content"]


def test_every_option_that_may_change_exists() -> None:
    names = [name for name, *_ in options(Config())]
    names += [f"data.sources.x.{each.name}" for each in fields(SourceConfig)]
    names += [f"masking.signal.{each.name}" for each in fields(Table)]
    names += [f"masking.schedule.{each.name}" for each in fields(Realised)]
    for pattern in NOT_SCIENCE:
        assert any(fnmatchcase(name, pattern) for name in names), pattern


@pytest.mark.parametrize("name", ["masking.signal.path", "masking.schedule.run"])
def test_what_masking_reads_is_compared_by_content_not_by_path(
    name: str, tiny: Callable[..., Config], tmp_path: Path
) -> None:
    part, option = name.split(".")[1:]
    choice = {"signal": "table", "schedule": "realised"}[part]

    def write(folder: Path, value: float) -> Path:
        folder.mkdir(exist_ok=True)
        np.save(folder / "weights.npy", np.where(np.arange(385) % 2, value, 1.0))
        record = {"kind": "train", "step": 10, "realised_ratio": value}
        log = [json.dumps(each) + "\n" for each in (record, {"kind": "summary"})]
        (folder / "log.jsonl").write_text("".join(log))
        return folder if option == "run" else folder / "weights.npy"

    def start(config: Config) -> RunFolder:
        store = open_store(config.data, config.tokenizer, Path(config.paths.cache))
        masking = make_parts(config, store).module.masking
        check_digests(config, masking)
        claimed = claim(config)
        describe(claimed.path, config, store.content, digests_of(masking))
        claimed.release()
        return claimed

    run_dir = f"run_dir={tmp_path / 'run'}"
    config = tiny(f"masking/{part}={choice}", f"{name}={write(tmp_path / 'one', 0.3)}", run_dir)
    assert start(config).empty
    digests = json.loads((tmp_path / "run" / "run.json").read_text())["digests"]
    assert digests.keys() == {name}
    getattr(config.masking, part)[option] = str(write(tmp_path / "two", 0.3))
    assert not start(config).empty
    write(tmp_path / "two", 0.2)
    refused(config, f"run_dir={tmp_path / 'run'} can't be resumed", f"what {name} names has", "Put")

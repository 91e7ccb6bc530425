"""What a run writes down and whom it asks: no secret reaches its files, its W&B id is its own, and
without a network nothing is looked up, waited for or missed."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amlm import evaluate
from amlm.config.schema import Config
from amlm.evaluation.evaluate_options import Options
from amlm.export import ExportOptions, export
from amlm.store.identity import Content
from amlm.store.token_store import TokenStore, open_store
from amlm.training.run import Result
from amlm.training.run_description import describe, mark_finished, note_resumed, wandb_id
from amlm.training.run_folder import claim
from amlm.util.errors import InputError

SECRET = "xoxb-0123456789-abcdefghij"


def content_of(config: Config) -> Content:
    return open_store(config.data, config.tokenizer, Path(config.paths.cache)).content


def test_no_secret_reaches_the_files_of_a_run_and_it_resumes(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(f"run_dir={tmp_path}")
    config.callbacks = {"mine": {"_target_": "mylab.Slack", "api_key": "s3kr3t", "url": SECRET}}
    monkeypatch.setattr("sys.argv", ["amlm.train", f"+callbacks.mine.url=https://a:{SECRET}@b/c"])
    claimed = claim(config)
    describe(claimed.path, config, content_of(config), {})
    claimed.release()
    written = "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
    assert SECRET not in written and "s3kr3t" not in written and "https://***@b/c" in written
    claim(config).release()  # is not taken for another configuration


def test_a_wandb_id_is_random_and_kept_wherever_the_folder_is(
    tiny: Callable[..., Config], tmp_path: Path
) -> None:
    found = []
    for name in ("a", "b"):
        describe(tmp_path / "run", tiny(), content_of(tiny()), {})
        found.append(wandb_id(tmp_path / "run"))
        assert json.loads((tmp_path / "run" / "run.json").read_text())["wandb_id"] == found[-1]
        note_resumed(tmp_path / "run", 3, tiny())
        mark_finished(tmp_path / "run")
        (tmp_path / "run").rename(tmp_path / name)
        assert wandb_id(tmp_path / name) == found[-1]
    assert found[0] != found[1], "a new run in the same place is another one"


def test_an_id_outside_the_vocabulary_is_one_line_from_a_worker_too(
    tiny_run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ("trainer.max_steps=3", "data.workers=1", f"paths.cache={tmp_path / 'cache'}")
    store = tmp_path / "cache" / "store"

    def damaged(*arguments: Any, **options: Any) -> TokenStore:
        opened = open_store(*arguments, **options)
        ids = np.memmap(opened.folder / "train.ids", dtype=np.uint16, mode="r+")
        ids[:] = 60_001  # after its checksum was verified
        return TokenStore(opened.folder.rename(store))

    monkeypatch.setattr("amlm.training.run.open_store", damaged)
    with pytest.raises(InputError) as told:
        tiny_run("experiment=hard_decay", *steps)
    assert re.fullmatch(
        rf"{store}/train\.ids is damaged: token [\d,]+ has id 60,001, outside the vocabulary of "
        rf"\d+ types\. Remove {store} and repeat the command, which builds it again from the text",
        str(told.value),
    )


def test_without_a_network_nothing_is_asked_or_waited_for(
    tiny_run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def refused(*address: Any, **_: Any) -> Any:
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("amlm.evaluation.zero_shot.items.SAMPLE_PAIRS", 2)

    more = ("trainer.max_steps=4", "evaluation.tasks=[sample]", "evaluation.items=1")
    folder = tiny_run("experiment=hard_decay_nhot", *more).folder
    (exported,) = export(ExportOptions(run=str(folder), out=str(tmp_path / "out")))
    for model in (folder, exported):
        evaluate.run(
            Options(str(model), str(tmp_path), tasks=["sample"], baselines=["untrained"], threads=1)
        )
    assert asked == []  # so nothing was waited for either

"""Runs in a track: refused above its caps, and described by a datasheet whose words and checksums
are compared with the files themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from amlm.config.schema import Config
from amlm.publish.form import form_fields
from amlm.store import budget
from amlm.store.prepare import prepare
from amlm.train import train
from amlm.training.callbacks import word_checkpoints
from amlm.training.datasheet import datasheet, write_datasheet
from amlm.training.read_run import read_run
from amlm.training.record import read_log
from amlm.training.run import Result
from amlm.util.errors import InputError

TRACK = "data.track=strict_small"


def words(path: Path) -> int:
    return len(path.read_text("utf-8").split())


def test_a_run_above_a_cap_is_refused_before_it_starts(
    tiny: Callable[..., Config], tmp_path: Path, text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum(words(path) for path in text_folder.glob("*.train"))
    monkeypatch.setitem(budget.CAPS, "strict_small", budget.Caps(total, 10 * total))
    with pytest.raises(InputError, match=r"stories is seen 11 times, and 10 are allowed"):
        prepare(tiny(TRACK, "trainer.max_steps=null", "data.epochs=11"))
    with pytest.raises(InputError, match=r"is seen .* lower data\.epochs or trainer\.max_steps"):
        train(tiny(TRACK, "trainer.max_steps=100000"))
    monkeypatch.setitem(budget.CAPS, "strict_small", budget.Caps(total - 1, 10 * total))
    with pytest.raises(
        InputError, match=rf"has {total:,} words after .* data\.words={total - 1:_}"
    ):
        train(tiny(TRACK))
    assert not (tmp_path / "outputs").exists()


def test_the_datasheet_says_what_was_seen(
    tiny_run: Callable[..., Result], text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_checkpoints, "STRICT_SMALL_WORDS", 3_000_000)
    result = tiny_run(TRACK, "trainer.max_steps=4", "checkpoints.words_by=steps")
    text = (result.folder / "datasheet.md").read_text("utf-8")
    records = read_log(result.folder)
    (facts,) = (record for record in records if record["kind"] == "data")
    assert facts["words"] == sum(words(path) for path in text_folder.glob("*.train"))
    assert facts["words_held_out"] == sum(words(path) for path in text_folder.glob("*.dev"))
    for source in facts["sources"]:
        path = text_folder / f"{source['name']}.train"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert source["files"] == {path.name: digest}
        assert f"| {path.name} | {digest} |" in text
        assert source["words_before_cleaning"] == source["words"] == words(path)
        assert f"| {source['name']} | {words(path):,} | {words(path):,} | {words(path):,} |" in text
    checkpoints = [record for record in records if record["kind"] == "checkpoint"]
    assert len(checkpoints) == 3
    for each in checkpoints:
        assert f"| {each['name']} | {each['step']:,} | {each['words_seen']:,} |" in text
    assert f"| main | 4 | {result.summary['words_seen']:,} |" in text
    assert "at most 10,000,000 words of text, 10 passes, and 100,000,000 words seen" in text
    assert "The tokenizer was trained on the words used, and on nothing else" in text
    tokenizer = (result.folder / "hf" / "tokenizer.json").read_bytes()
    assert facts["sha256"].keys() == {"tokenizer.json", "token ids"}
    assert tokenizer and all(digest in text for digest in facts["sha256"].values())

    fields = form_fields(read_run(result.folder), "strict-small", Path("mine.json"))
    assert fields["words en"] == facts["words"]
    assert fields["other hyper-parameters"]["words seen"] == result.summary["words_seen"] > 0
    types = len(json.loads(tokenizer)["model"]["vocab"])
    assert fields["training data"] == "stories, talk" and fields["vocabulary"] == types
    assert fields["parameters"] > types * 32 and fields["FLOPs"] > 6 * 4 * 512 * 2 * 3 * 32**2
    assert 0 < fields["GPU-hours training"] < 1


def test_a_held_out_share_is_not_counted(
    tiny_run: Callable[..., Result], tmp_path: Path, text_folder: Path
) -> None:
    place = tmp_path / "text"
    place.mkdir()
    for path in text_folder.glob("*.train"):
        (place / f"{path.name}.txt").write_bytes(path.read_bytes())
    first = tiny_run(TRACK, "trainer.max_steps=1", f"data.dir={place}", "data.holdout=0.2")
    (facts,) = (record for record in read_log(first.folder) if record["kind"] == "data")
    total = sum(words(path) for path in text_folder.glob("*.train"))
    assert facts["words"] + facts["words_held_out"] == total and facts["words_held_out"] > 0
    assert [list(each["files"]) for each in facts["sources"]] == [
        ["stories.train.txt"],
        ["talk.train.txt"],
    ]


def test_another_tokenizer_counts_too() -> None:
    facts = {
        "track": "strict",
        "sources": [],
        "cleaning": {},
        "words_held_out": 0,
        "tokenizer": "bb24.model",
        "sha256": {},
    }
    text = datasheet(facts, [])
    assert "The tokenizer, bb24.model, was not trained by this run" in text
    assert "counts towards the words" in text


def test_a_run_in_no_track_has_no_datasheet(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"kind": "train", "step": 1}\n')
    write_datasheet(tmp_path)
    assert not (tmp_path / "datasheet.md").exists()

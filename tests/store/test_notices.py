"""What is said of the text before it is trained on, for made-up folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from amlm.config.schema import Config, DataConfig, TokenizerConfig
from amlm.store.notices import notices, shares_line
from amlm.store.prepare import inspect, prepare
from amlm.store.token_store import open_store


@pytest.fixture
def folder(tmp_path: Path, lines_of: Callable[[int, int], list[str]]) -> Path:
    """Two sources of 120 and 60 lines."""
    made = tmp_path / "text"
    made.mkdir()
    for name, count, seed in (("a", 120, 1), ("b", 60, 2)):
        for split in ("train", "dev"):
            lines = lines_of(count, seed + 10 * (split == "dev"))
            (made / f"{name}.{split}").write_text("\n".join(lines) + "\n")
    return made


def said(sources: dict[str, Any], folder: Path, **options: Any) -> list[str]:
    config = DataConfig(sources=sources, **options)
    store = open_store(config, TokenizerConfig(vocab_size=300), folder.parent / "cache")
    return notices(config, store)


def test_nothing_is_said_of_ordinary_text(folder: Path) -> None:
    assert said({"mine": {"path": str(folder)}}, folder) == []


def test_shares_are_in_words_largest_first() -> None:
    sources = [{"name": "a", "words": 1_000}, {"name": "b", "words": 3_000}]
    assert shares_line(sources) == "b 3,000 (75%), a 1,000 (25%)"


def test_skipped_files_are_named_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (
        "README.md",
        ".hidden.train",
        "._a.train",
        "c.dev",
        *(f"{i}.log" for i in range(6)),
    ):
        (folder / name).write_text("Some text.\n")
    (folder / "__MACOSX").mkdir()
    (folder / "up").symlink_to(folder)
    expected = [
        f"skipped  in {folder}: ._a.train, .hidden.train, __MACOSX (hidden)",
        f"skipped  in {folder}: {folder / 'up'} (a link to a folder that is searched anyway)",
        f"skipped  in {folder}: 0.log, 1.log, 2.log, 3.log, 4.log and 2 more "
        "(not named <source>.train or <source>.dev)",
        f"skipped  in {folder}: c.dev (no c.train beside it)",
    ]
    assert said({"mine": {"path": str(folder)}}, folder) == expected

    config = Config(tokenizer=TokenizerConfig(vocab_size=300))
    config.data.sources = {"mine": {"path": str(folder)}}
    config.paths.cache = str(folder.parent / "cache")
    prepare(config)
    assert capsys.readouterr().out.endswith("\n".join(expected) + "\n")
    inspect(config)
    assert "\n".join(["", *expected, ""]) in capsys.readouterr().out


def test_the_sample_beside_a_users_text_is_pointed_out(folder: Path) -> None:
    sources = {"sample": {"path": "sample:"}, "mine": {"path": str(folder)}}
    (warning,) = said(sources, folder, sample_words=5_000)
    assert warning.startswith("warning  77% of the words are of the built-in sample, beside your")
    assert warning.endswith("~data.sources.sample leaves it out")
    assert said({"sample": {"path": "sample:"}}, folder, sample_words=5_000) == []


@pytest.mark.parametrize("packed", [False, True], ids=["the same bytes", "other bytes"])
def test_a_source_twice_is_pointed_out(folder: Path, packed: bool) -> None:
    for split in ("train", "dev"):
        text = (folder / f"a.{split}").read_text()
        (folder / f"copy.{split}").write_text("\n" * packed + text)
    warnings = said({"mine": {"path": str(folder)}}, folder)
    assert warnings == [
        "warning  a and copy have the same text: it is trained on twice; leave one of them out"
    ]


def test_held_out_text_that_is_trained_on_is_pointed_out(folder: Path) -> None:
    (folder / "b.dev").write_text((folder / "a.train").read_text())
    (warning,) = said({"mine": {"path": str(folder)}}, folder)
    assert warning == "warning  the held-out text b is trained on, as a: hold out other text"
    one = {"one": {"path": str(folder / "a.train")}}
    assert said(one, folder, holdout=0.3) == []


def test_what_a_word_is_is_said_of_text_without_spaces(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_text(
            "\n".join(f"{path.name}{i}這是一個沒有空格的句子" * 3 for i in range(50)) + "\n"
        )
    one = {"mine": {"path": str(folder / "a.train"), "dev": str(folder / "b.dev")}}
    (warning,) = said(one, folder)
    assert warning.startswith("warning  a word is what str.split() yields; here one has ")


def test_records_that_are_read_as_text_are_pointed_out(folder: Path) -> None:
    records = "\n".join(f'{{"text": "a sentence {i}"}}' for i in range(60)) + "\n"
    (folder / "b.train").write_text(records)
    looks = f"{folder / 'b.train'} is read as plain text, but looks like JSON lines: name it"
    for options in ({}, {"holdout": 0.3}):
        (warning,) = said({"mine": {"path": str(folder)}}, folder, **options)
        assert warning.startswith(f"warning  {looks}")
    (folder / "b.txt").write_text(records)
    (warning,) = said({"mine": {"path": str(folder / "b.txt")}}, folder, holdout=0.3)
    assert "b.txt is read as plain text" in warning
    known = {"path": str(folder / "b.txt"), "format": "jsonl"}
    assert said({"mine": known}, folder, holdout=0.3) == []
    config = DataConfig(sources={"mine": {"path": str(folder / "b.txt")}}, holdout=0.3)
    store = open_store(config, TokenizerConfig(vocab_size=300), folder.parent / "cache")
    (folder / "b.txt").unlink()  # a run that resumes needs its text no more
    assert notices(config, store) == []


def test_a_tokenizer_that_leaves_characters_out_is_pointed_out(folder: Path) -> None:
    made = {
        "bpe": (models.BPE(), pre_tokenizers.Whitespace()),
        "unk": (models.BPE(unk_token="[UNK]"), pre_tokenizers.Whitespace()),
        "bytes": (models.BPE(), pre_tokenizers.ByteLevel()),
    }
    found = []
    for name, (model, split) in made.items():
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = split
        trainer = trainers.BpeTrainer(special_tokens=["[UNK]"], show_progress=False, vocab_size=400)
        tokenizer.train_from_iterator(["a few words"], trainer)
        tokenizer.save(str(folder.parent / name))
        config = DataConfig(sources={"mine": {"path": str(folder)}})
        given = TokenizerConfig(path=str(folder.parent / name))
        found += notices(config, open_store(config, given, folder.parent / "cache"))
    (warning,) = found
    assert warning.startswith("warning  the tokenizer leaves out characters that it does not know")

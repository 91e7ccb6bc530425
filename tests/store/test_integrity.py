"""Checksums of the store's files: one changed byte in any of them is found and the store rebuilt,
or named where it can't be rebuilt."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from amlm.config.run_schema import PathsConfig
from amlm.config.schema import Config, DataConfig, TokenizerConfig
from amlm.store import integrity
from amlm.store.integrity import fault
from amlm.store.prepare import inspect
from amlm.store.token_store import TokenStore, open_store
from amlm.util.errors import InputError

SMALL = TokenizerConfig(vocab_size=300)
FILES = ("train.ids", "dev.ids", "train.counts", "meta.json", "tokenizer/tokenizer.json")
TEXT = {"a.train": "one two three\nfour five\n" * 20, "a.dev": "one two\nsix\n" * 20}


@pytest.fixture
def config(
    tmp_path: Path,
    write_text: Callable[[Path, Mapping[str, str]], Path],
    data_config: Callable[..., DataConfig],
) -> Config:
    data = data_config(write_text(tmp_path / "text", TEXT), sequence_length={0: 4})
    return Config(data=data, tokenizer=SMALL, paths=PathsConfig(cache=str(tmp_path / "cache")))


@pytest.fixture
def open_it(config: Config) -> Callable[..., TokenStore]:
    """``open_it(say)``: the store of `config`."""
    return lambda *say: open_store(config.data, config.tokenizer, Path(config.paths.cache), *say)


def flip(path: Path, keep_time: bool = True) -> None:
    """Changes the last digit, letter or id of a file, by default without a trace in its dates."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    ids = path.suffix in (".ids", ".counts")
    place = 0 if ids else max(m.start() for m in re.finditer(rb"[0-9]", content))
    content[place] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_and_the_store_rebuilt(
    open_it: Callable[..., TokenStore], name: str
) -> None:
    store, messages = open_it(), list[str]()
    intact = (store.folder / name).read_bytes()
    flip(store.folder / name)
    assert (store.folder / name).read_bytes() != intact
    again = open_it(messages.append)
    assert f"{store.folder} is damaged: {name} does not match its checksum; rebu" in messages[0]
    assert (again.folder / name).read_bytes() == intact


def test_a_large_file_is_hashed_if_it_was_modified_after_the_build(
    open_it: Callable[..., TokenStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_it()
    key = store.meta["key"]
    monkeypatch.setattr(integrity, "ALWAYS_HASHED", 100)
    flip(store.folder / "train.ids")
    assert fault(store.folder, key) is None
    assert "train.ids does not match" in str(fault(store.folder, key, every_file=True))
    os.utime(store.folder / "train.ids")
    assert "train.ids does not match" in str(fault(store.folder, key))


def test_inspect_verifies_every_file(
    config: Config,
    open_it: Callable[..., TokenStore],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InputError, match=r"has no store for these options: run .*prepare"):
        inspect(config)
    store = open_it()
    inspect(config)
    assert "held-out text" in capsys.readouterr().out
    monkeypatch.setattr(integrity, "ALWAYS_HASHED", 100)
    flip(store.folder / "train.ids")
    with pytest.raises(InputError, match="store") as error:
        inspect(config)
    assert str(error.value) == (
        f"the store {store.folder} is damaged: train.ids does not match its checksum: remove it, "
        "and run `python -m amlm.data prepare` with the same options to build it again"
    )


def test_an_id_outside_the_vocabulary_is_named_with_its_file(
    open_it: Callable[..., TokenStore],
) -> None:
    store = open_it()
    ids = np.fromfile(store.folder / "train.ids", dtype=np.uint16)
    ids[9] = 60_001
    ids.tofile(store.folder / "train.ids")
    assert store.blocks("train", np.array([1, 3]), 4).shape == (2, 4)
    for read in (store.blocks, store.words_of_blocks):
        with pytest.raises(InputError, match="id") as error:
            read("train", np.array([0, 2]), 4)
        assert str(error.value) == (
            f"{store.folder}/train.ids is damaged: token 9 has id 60,001, outside the vocabulary "
            f"of {store.vocab_size} types. Remove {store.folder} and repeat the command, which "
            "builds it again from the text"
        )

"""What a run is trained on, opened again for a run that resumes: by content, without its text, and
without the Hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store import build_store, identity
from amlm.store.token_store import open_store
from amlm.text import corpora
from amlm.tokenizers.bpe import save_tokenizer, train_tokenizer
from amlm.util.errors import InputError

Write = Callable[[Path, Mapping[str, str]], Path]
MakeConfig = Callable[..., DataConfig]
SMALL = TokenizerConfig(vocab_size=300)
TEXT = {
    "a.train": "one two three\nfour five\n" * 20,
    "b.train": "two three four\n" * 9,
    "a.dev": "one two\nsix\n" * 20,
    "b.dev": "five\n" * 30,
}


@pytest.fixture
def text(tmp_path: Path, write_text: Write) -> Path:
    return write_text(tmp_path / "text", TEXT)


def test_the_same_text_elsewhere_is_the_same_content(
    tmp_path: Path, text: Path, data_config: MakeConfig
) -> None:
    first = open_store(data_config(text), SMALL, tmp_path / "cache")
    text.rename(tmp_path / "moved")
    messages: list[str] = []
    again = open_store(
        data_config(tmp_path / "moved"),
        SMALL,
        tmp_path / "other_cache",
        messages.append,
        first.content,
    )
    assert again.folder != first.folder and again.content == first.content


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.train": "one\n" * 40}, "the training text a has changed"),
        ({"b.dev": "one\n" * 40}, "the held-out text b has changed"),
        ({"c.train": "one\n", "c.dev": "two\n"}, "the training text c is new, the held-out text c"),
    ],
)
def test_changed_text_is_refused_before_anything_is_built(
    tmp_path: Path,
    text: Path,
    write_text: Write,
    data_config: MakeConfig,
    files: dict[str, str],
    expected: str,
) -> None:
    config, cache = data_config(text), tmp_path / "cache"
    content = open_store(config, SMALL, cache).content
    write_text(text, files)
    with pytest.raises(InputError, match=expected) as error:
        open_store(config, SMALL, cache, recorded=content)
    assert "Put back what the run was started with, or train in another folder" in str(error.value)
    assert len(list(cache.glob("store-*/"))) == 1


def test_missing_text_changed_tokenizer_and_versions_are_named(
    tmp_path: Path, text: Path, data_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    content = open_store(data_config(text), SMALL, cache).content
    for split in ("train", "dev"):
        (text / f"b.{split}").unlink()
    monkeypatch.setattr(identity, "STORE_VERSION", 99)
    with pytest.raises(InputError) as error:
        open_store(data_config(text), TokenizerConfig(vocab_size=310), cache, recorded=content)
    version = content.key["version"]
    for part in (
        "the training text b is missing, the held-out text b is missing",
        f"the versions of store and cleaning changed from {version} to [99, {version[1]}]",
        "the tokenizer has changed",
    ):
        assert part in str(error.value)


def test_a_tokenizer_is_compared_by_its_files_not_its_path(
    tmp_path: Path, text: Path, data_config: MakeConfig
) -> None:
    trained = train_tokenizer(lambda: iter(["one two three"]), 300)
    save_tokenizer(trained, tmp_path / "mine", 64)
    paths = [tmp_path / "mine" / "tokenizer.json", tmp_path / "copy.json"]
    shutil.copy(*paths)
    config, cache = data_config(text), tmp_path / "cache"
    first, copied = (open_store(config, TokenizerConfig(path=str(p)), cache) for p in paths)
    assert copied.content == first.content
    paths[1].write_text(paths[1].read_text().replace('"one"', '"eno"') + "\n")
    with pytest.raises(InputError, match="the tokenizer has changed"):
        open_store(config, TokenizerConfig(path=str(paths[1])), cache, recorded=first.content)


def test_a_cached_store_is_used_without_its_text(
    tmp_path: Path, text: Path, data_config: MakeConfig
) -> None:
    config, cache, messages = data_config(text), tmp_path / "cache", list[str]()
    store = open_store(config, SMALL, cache)
    shutil.rmtree(text)
    with pytest.raises(InputError, match="text"):
        open_store(config, SMALL, cache)
    again = open_store(config, SMALL, cache, messages.append, store.content)
    assert again.content == store.content
    assert messages[0].startswith(f"the store {store.folder} is used without its text: ")
    assert str(text) in messages[0]


def _flip(folder: Path) -> None:
    path = folder / "train.ids"
    path.write_bytes(b"\7" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (shutil.rmtree, "does not exist"),
        (_flip, "is damaged: train.ids does not match its checksum"),
    ],
)
def test_without_text_and_store_both_are_named(
    tmp_path: Path,
    text: Path,
    data_config: MakeConfig,
    damage: Callable[[Path], None],
    expected: str,
) -> None:
    config, cache = data_config(text), tmp_path / "cache"
    store = open_store(config, SMALL, cache)
    content = store.content
    shutil.rmtree(text)
    damage(store.folder)
    files = sorted(store.folder.rglob("*"))
    with pytest.raises(InputError, match=expected) as error:
        open_store(config, SMALL, cache, recorded=content)
    for part in (str(text), str(store.folder), "Put the text back, or give the cache"):
        assert part in str(error.value)
    assert sorted(store.folder.rglob("*")) == files


def test_a_lost_cache_is_rebuilt_and_must_have_the_same_content(
    tmp_path: Path, text: Path, data_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, cache = data_config(text), tmp_path / "cache"
    content = open_store(config, SMALL, cache).content
    shutil.rmtree(cache)
    assert open_store(config, SMALL, cache, recorded=content).content == content
    shutil.rmtree(cache)

    def other(lines: Callable[[], Iterator[str]], vocab_size: int) -> Any:
        return train_tokenizer(lambda: iter([*lines(), *["six seven"] * 99]), vocab_size)

    monkeypatch.setattr(build_store, "train_tokenizer", other)
    with pytest.raises(InputError, match="differs from the store that the run was") as error:
        open_store(config, SMALL, cache, recorded=content)
    assert "Install those listed in its run.json" in str(error.value)
    # Nor is it used without its text.
    shutil.rmtree(text)
    with pytest.raises(InputError, match="is not the one that the run was started with"):
        open_store(config, SMALL, cache, recorded=content)


def test_hub_datasets_stay_at_their_commit_and_need_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits, read = {"me/text": "a" * 40}, list[str]()

    def resolve(name: str) -> str:
        if name not in commits:
            raise InputError(f"hub:{name}: can't reach the Hub")
        return commits[name]

    def rows(name: str, split: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        read.append(name)
        yield from ((f"one two {number}",) for number in range(2_000))

    monkeypatch.setattr(corpora, "hub_revision", resolve)
    monkeypatch.setattr(corpora, "read_hub", rows)
    config = DataConfig(sources={"wiki": {"path": "hub:me/text"}}, holdout=0.2)
    cache = tmp_path / "cache"
    content = open_store(config, SMALL, cache).content
    assert content.hub == {"me/text": "a" * 40}
    assert set(read) == {f"me/text@{'a' * 40}"}
    commits["me/text"] = "b" * 40  # the branch moves on
    read.clear()
    again = open_store(config, SMALL, cache, recorded=content)
    assert again.content == content and not read
    moved = DataConfig(sources={"wiki": {"path": "hub:me/text@main"}}, holdout=0.2)
    commits["me/text@main"] = "b" * 40
    with pytest.raises(InputError, match="the training text wiki has changed"):
        open_store(moved, SMALL, cache, recorded=content)
    commits.clear()  # no connection
    assert open_store(config, SMALL, cache, recorded=content).content == content
    with pytest.raises(InputError, match="can't reach the Hub"):
        open_store(config, SMALL, cache)
    assert not read
    shutil.rmtree(cache)
    assert open_store(config, SMALL, cache, recorded=content).content == content
    assert set(read) == {f"me/text@{'a' * 40}"}

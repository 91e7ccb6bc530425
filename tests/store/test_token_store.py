"""The store's ids against the tokenizer's encoding of each line, its counts against brute force
over ids and text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.token_store import TokenStore, open_store
from amlm.text.readers import read_texts
from tests.store.tiny_text import MakeConfig, Write, files_of, up_to

SPLITS = ("train", "dev")
SOURCES = ("childes", "simple_wiki")


def text_of(corpus_dir: Path, split: str) -> list[str]:
    paths = [corpus_dir / split / f"{source}.{split}" for source in SOURCES]
    return [line for path in paths for line in read_texts(path)]


def encoder_of(store: TokenStore) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(store.folder / "tokenizer" / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.mark.parametrize("split", SPLITS)
def test_ids_are_the_lines_of_all_sources_in_order(
    small_store: TokenStore, corpus_dir: Path, split: str
) -> None:
    encode = encoder_of(small_store).encode
    expected = [i for line in text_of(corpus_dir, split) for i in encode(line).ids]
    assert small_store.ids(split).tolist() == expected


def test_decoded_lines_equal_the_text(small_store: TokenStore, corpus_dir: Path) -> None:
    ids = small_store.ids("dev")
    ends = np.flatnonzero(ids == 2) + 1
    lines = [small_store.tokenizer.decode(line) for line in np.split(ids, ends[:-1])]
    assert lines == text_of(corpus_dir, "dev")


@pytest.mark.parametrize("split", SPLITS)
def test_text_that_spells_special_tokens_is_encoded_as_text(
    small_store: TokenStore, corpus_dir: Path, split: str
) -> None:
    lines = text_of(corpus_dir, split)
    assert (
        sum("[MASK]" in line for line in lines) > 3 and sum("[SEP]" in line for line in lines) > 3
    )
    counts = Counter(small_store.ids(split).tolist())
    assert [counts[i] for i in range(5)] == [0, len(lines), len(lines), 0, 0]


@pytest.mark.parametrize("split", SPLITS)
def test_words_are_counted_like_str_split(
    small_store: TokenStore, corpus_dir: Path, split: str
) -> None:
    assert small_store.words(split) == sum(len(line.split()) for line in text_of(corpus_dir, split))


@pytest.mark.parametrize("split", SPLITS)
def test_type_counts_equal_the_counts_of_the_ids(small_store: TokenStore, split: str) -> None:
    counts = Counter(small_store.ids(split).tolist())
    assert small_store.type_counts(split).tolist() == [
        counts[i] for i in range(small_store.vocab_size)
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_blocks_are_slices_of_the_ids(small_store: TokenStore, split: str) -> None:
    ids = small_store.ids(split)
    numbers = np.array([3, 0, 17, 3])
    blocks_GL = small_store.blocks(split, numbers, 16)
    assert blocks_GL.dtype == np.int64
    assert blocks_GL.tolist() == [ids[n * 16 : n * 16 + 16].tolist() for n in numbers.tolist()]
    last = len(ids) // 16 - 1
    assert small_store.blocks(split, np.array([last]), 16).shape == (1, 16)
    with pytest.raises(IndexError):
        small_store.blocks(split, np.array([last + 1]), 16)


def test_pieces_are_ordered_by_id(small_store: TokenStore) -> None:
    tokenizer = encoder_of(small_store)
    ids = range(tokenizer.get_vocab_size())
    assert small_store.pieces == [tokenizer.id_to_token(i) for i in ids]
    assert small_store.vocab_size == len(ids) == 700


def test_the_tokenizer_is_not_trained_on_held_out_text(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    files = {"a.train": "ab abc\n" * 9, "a.dev": "xyz ж\n" * 99}
    store = open_store(
        data_config(write_text(tmp_path / "text", files)), up_to(400), tmp_path / "cache"
    )
    assert not {"x", "y", "z", "ж"} & set(store.pieces)
    assert store.tokenizer.decode(store.ids("dev")[:12].tolist()).startswith("xyz ж")


@pytest.mark.parametrize("chunk_lines", [1, 7, 500])
def test_ids_do_not_depend_on_the_chunk_size(
    small_store: TokenStore,
    corpus_dir: Path,
    data_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_lines: int,
) -> None:
    monkeypatch.setattr("amlm.util.chunks.CHUNK_LINES", chunk_lines)
    again = open_store(data_config(corpus_dir), up_to(700), tmp_path)
    assert files_of(again.folder) == files_of(small_store.folder)


def test_metadata_lists_sources_and_file_sizes(small_store: TokenStore) -> None:
    meta = json.loads((small_store.folder / "meta.json").read_text(encoding="utf-8"))
    assert [source["name"] for source in meta["sources"]["train"]] == list(SOURCES)
    assert meta["vocab_size"] == 700
    sizes = {f"{split}.ids": 2 * len(small_store.ids(split)) for split in SPLITS}
    assert sizes.items() <= {name: each["bytes"] for name, each in meta["files"].items()}.items()
    assert small_store.folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("types", "width"), [(65_536, 2), (65_537, 4)])
def test_ids_take_two_bytes_if_they_fit_else_four(
    tmp_path: Path, tiny: DataConfig, types: int, width: int
) -> None:
    """A vocabulary of whole words whose last type occurs in the held-out text."""
    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "one", "two"]
    names += [f"w{i}" for i in range(types - len(names) - 1)] + ["six"]
    words = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "words.json"))
    existing = TokenizerConfig(path=str(tmp_path / "words.json"))
    store = open_store(tiny, existing, tmp_path / "cache")
    assert store.vocab_size == types
    assert store.ids("dev").tolist() == [1, 5, 6, 2, 1, types - 1, 2]
    assert (store.folder / "dev.ids").stat().st_size == 7 * width
    assert store.type_counts("dev")[[1, 5, types - 1]].tolist() == [2, 1, 1]
    # Its types do not determine where words begin, so the store records it.
    assert store.words("dev") == 3
    assert store.words_of_blocks("dev", np.array([0, 1, 2]), 2).tolist() == [1, 1, 1]

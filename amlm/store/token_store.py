"""The store: text tokenised once into flat memory-mapped arrays, cached between runs.

A store is a folder named by a fingerprint of everything it depends on. It is built in a temporary
folder under a lock and then renamed, so that a reader never sees an incomplete store, and runs
started at the same time build it once. Shapes: N tokens of a split, V token types, G blocks,
L tokens per block.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.build_store import build_once
from amlm.store.encode import begins_word, id_type
from amlm.store.identity import Content, key_changes, store_folder, store_key
from amlm.store.integrity import META_FILE, fault
from amlm.text.corpora import at_commits, hub_commits
from amlm.text.sources import find_corpora
from amlm.tokenizers.bpe import load_tokenizer, pieces_of
from amlm.tokenizers.special_tokens import SpecialIds, special_ids
from amlm.tokenizers.surfaces import surfaces_of
from amlm.tokenizers.word_starts import begins_unit, is_unspaced
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError

Stored = TypeVar("Stored", bound=np.unsignedinteger)


@dataclass(frozen=True)
class TokenStore:
    """One tokenised corpus on disk.

    Attributes:
        folder: ``tokenizer/``, ``meta.json``, and for each split ``.ids``, ``.counts`` and, if the
            token types do not determine it, the number of words at each token in ``.words``.
        hub: commits of the Hub datasets that it was opened for, see `Content`.
    """

    folder: Path
    hub: dict[str, str] = field(default_factory=dict, compare=False)

    @cached_property
    def meta(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / META_FILE).read_text(encoding="utf-8")))

    @property
    def content(self) -> Content:
        """What identifies this store."""
        tokenizer = self.meta["files"]["tokenizer/tokenizer.json"]["digest"]
        key, digest = self.meta["key"], self.meta["digest"]
        return Content(self.folder.name, digest, tokenizer, self.hub, key)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.folder / "tokenizer")

    @cached_property
    def pieces(self) -> list[str]:
        """The vocabulary, ordered by id."""
        return pieces_of(self.tokenizer)

    @cached_property
    def surfaces(self) -> list[str | None]:
        """Surface forms, ordered by id; see `amlm.tokenizers.surfaces.surfaces_of`."""
        return surfaces_of(self.tokenizer)

    @cached_property
    def special(self) -> SpecialIds:
        """Ids of the special tokens."""
        return special_ids(self.tokenizer)

    @property
    def vocab_size(self) -> int:
        return int(self.meta["vocab_size"])

    @cached_property
    def _begins_word_V(self) -> NDArray[np.bool_]:
        return begins_word(self.pieces)

    @cached_property
    def _unspaced_V(self) -> NDArray[np.bool_]:
        return is_unspaced(self.surfaces)

    def ids(self, split: str) -> NDArray[np.unsignedinteger]:
        """All token ids of a split, as a new memory map: ``[N]``.

        Pages stay in memory as long as their map does, so do not keep it for long.
        """
        return np.memmap(self.folder / f"{split}.ids", dtype=id_type(self.vocab_size), mode="r")

    def tokens(self, split: str) -> int:
        """Tokens of a split, N."""
        return sum(int(source["tokens"]) for source in self.meta["sources"][split])

    def words(self, split: str) -> int:
        """Words of a split, counted as ``str.split()`` does."""
        return sum(int(source["words"]) for source in self.meta["sources"][split])

    def type_counts(self, split: str) -> NDArray[np.int64]:
        """Occurrences of each type in a split: ``[V]``."""
        return np.fromfile(self.folder / f"{split}.counts", dtype=np.int64)

    def blocks(self, split: str, numbers_G: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """Blocks by number: ``[G, L]``.

        Raises:
            InputError: an id is outside the vocabulary.
        """
        ids_GL = _rows(self.ids(split), numbers_G, length)
        if ids_GL.size and ids_GL.max() >= self.vocab_size:
            g, position = np.unravel_index(ids_GL.argmax(), ids_GL.shape)
            raise InputError(
                f"{self.folder / split}.ids is damaged: token "
                f"{int(numbers_G[g]) * length + int(position):,} has id {ids_GL.max():,}, outside "
                f"the vocabulary of {self.vocab_size:,} types. Remove {self.folder} and repeat the "
                "command, which builds it again from the text"
            )
        return ids_GL.astype(np.int64)

    def words_of_blocks(
        self, split: str, numbers_G: NDArray[np.int64], length: int
    ) -> NDArray[np.int64]:
        """Number of words that begin in each block: ``[G]``."""
        words_GL = self._words(split, numbers_G, self.blocks(split, numbers_G, length))
        words_G: NDArray[np.int64] = words_GL.sum(1, dtype=np.int64)
        return words_G

    def word_starts(
        self, split: str, numbers_G: NDArray[np.int64], ids_GL: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether a word begins at each token of these blocks, for masking: ``[G, L]``; see
        `amlm.tokenizers.word_starts.begins_unit`."""
        words_GL = self._words(split, numbers_G, ids_GL)
        return begins_unit(words_GL > 0, self._unspaced_V[ids_GL])

    def _words(
        self, split: str, numbers_G: NDArray[np.int64], ids_GL: NDArray[np.int64]
    ) -> NDArray[Any]:
        # Number of words that begin at each token.
        words = self.folder / f"{split}.words"
        if words.exists():
            flat_N = np.memmap(words, dtype=np.uint8, mode="r")
            return _rows(flat_N, numbers_G, ids_GL.shape[1])
        begins_GL: NDArray[np.bool_] = self._begins_word_V[ids_GL]
        return begins_GL


def _rows(flat_N: NDArray[Stored], numbers_G: NDArray[np.int64], length: int) -> NDArray[Stored]:
    blocks = len(flat_N) // length
    return flat_N[: blocks * length].reshape(blocks, length)[numbers_G]


def find_store(
    config: DataConfig, tokenizer: TokenizerConfig, cache: Path
) -> tuple[TokenStore, str | None]:
    """The store of a configuration, every byte of it verified, and what is wrong with it."""
    key = store_key(find_corpora(config), config, tokenizer)
    folder = store_folder(key, cache)
    return TokenStore(folder), fault(folder, key, every_file=True)


def open_store(
    config: DataConfig,
    tokenizer: TokenizerConfig,
    cache: Path,
    say: Callable[[str], None] = lambda text: None,
    recorded: Content | None = None,
) -> TokenStore:
    """Opens the store of a configuration; builds it in the cache folder first if necessary.

    Args:
        config: the ``data`` section.
        tokenizer: the ``tokenizer`` section.
        cache: folder of stores.
        say: gets a line on what takes long or went wrong.
        recorded: what the store must contain, for a run that resumes. Hub datasets are then read
            at the recorded commits, and a store whose text is gone is opened from the cache.

    Raises:
        InputError: the text is missing or can't be read, cleaned or mixed as configured, or the
            cache can't be written to; or the content is not what was recorded.
    """
    try:
        return _open_store(config, tokenizer, cache, say, recorded)
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        place = Path(str(error.filename or cache))
        if not str(place).startswith(str(cache)) and place not in cache.parents:
            raise InputError(f"{place}: {error.strerror}") from error
        raise InputError(
            f"the store can't be written to {cache}: {error.strerror} ({place}). Free up space or "
            "grant access there, or choose another folder with paths.cache=<folder>; no partial "
            "files remain"
        ) from error


def _open_store(
    config: DataConfig,
    tokenizer: TokenizerConfig,
    cache: Path,
    say: Callable[[str], None],
    recorded: Content | None,
) -> TokenStore:
    try:
        corpora = find_corpora(config)
        if recorded:
            corpora = at_commits(corpora, recorded.hub)
        key = store_key(corpora, config, tokenizer)
    except InputError as error:
        if recorded is None:
            raise
        return _without_text(cache, recorded, say, error)
    if recorded and key != recorded.key:
        raise InputError(
            f"{key_changes(recorded.key, key)}. Put back what the run was started with, or train "
            "in another folder"
        )
    folder, hub = store_folder(key, cache), hub_commits(corpora)
    if fault(folder, key):
        build_once(corpora, config, tokenizer, key, folder, say)
    store = TokenStore(folder, hub)
    if recorded and store.content.digest != recorded.digest:
        raise InputError(
            f"{folder}, built again from the same text, differs from the store that the run was "
            "started with: other versions of amlm or `tokenizers` make other tokens. Install those "
            "listed in its run.json, or train in another folder"
        )
    return store


def _without_text(
    cache: Path, recorded: Content, say: Callable[[str], None], error: InputError
) -> TokenStore:
    """The store of a run that resumes, whose text or tokenizer is no longer where it was."""
    store = TokenStore(cache / recorded.store, recorded.hub)
    wrong = fault(store.folder, recorded.key)
    if wrong is None and store.content.digest != recorded.digest:
        wrong = "is not the one that the run was started with"
    if wrong:
        raise InputError(
            f"{error}; and its store {store.folder} {wrong}. Put the text back, or give the cache "
            "that has the store with paths.cache=<folder>"
        ) from error
    say(f"the store {store.folder} is used without its text: {error}")
    return store

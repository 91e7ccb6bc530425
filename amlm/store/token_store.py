"""The store: text tokenised once into flat memory-mapped arrays, cached between runs.

A store is a folder named by a fingerprint of everything it depends on. It is built in a temporary
folder under a lock and then renamed, so that a reader never sees an incomplete store, and runs
started at the same time build it once. Shapes: N tokens of a split, V token types, G blocks,
L tokens per block.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from tokenizers import Tokenizer

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.build_store import META_FILE, build_store, file_sizes
from amlm.store.encode import begins_word, id_type
from amlm.text.cleaning import CLEANING_VERSION, check_rules, rules_for
from amlm.text.corpora import Corpus, fingerprint
from amlm.text.readers import digest
from amlm.text.sources import find_corpora
from amlm.tokenizers.bpe import load_tokenizer, pieces_of
from amlm.tokenizers.existing import existing_files
from amlm.tokenizers.special_tokens import SpecialIds, special_ids
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError

Stored = TypeVar("Stored", bound=np.unsignedinteger)
STORE_VERSION = 5  # part of the fingerprint: increment it when the format or tokenizer changes


@dataclass(frozen=True)
class TokenStore:
    """One tokenised corpus on disk.

    Attributes:
        folder: ``tokenizer/``, ``meta.json``, and for each split ``.ids``, ``.counts`` and, if the
            token types do not determine it, the number of words at each token in ``.words``.
    """

    folder: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / META_FILE).read_text(encoding="utf-8")))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.folder / "tokenizer")

    @cached_property
    def pieces(self) -> list[str]:
        """The vocabulary, ordered by id."""
        return pieces_of(self.tokenizer)

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
        """Blocks by number: ``[G, L]``."""
        return _rows(self.ids(split), numbers_G, length).astype(np.int64)

    def words_of_blocks(
        self, split: str, numbers_G: NDArray[np.int64], length: int
    ) -> NDArray[np.int64]:
        """Number of words that begin in each block: ``[G]``."""
        words = self.folder / f"{split}.words"
        if words.exists():
            flat_N = np.memmap(words, dtype=np.uint8, mode="r")
            found_GL: NDArray[Any] = _rows(flat_N, numbers_G, length)
        else:
            found_GL = self._begins_word_V[_rows(self.ids(split), numbers_G, length)]
        words_G: NDArray[np.int64] = found_GL.sum(1, dtype=np.int64)
        return words_G


def _rows(flat_N: NDArray[Stored], numbers_G: NDArray[np.int64], length: int) -> NDArray[Stored]:
    blocks = len(flat_N) // length
    return flat_N[: blocks * length].reshape(blocks, length)[numbers_G]


def _fault(folder: Path, key: dict[str, Any]) -> str | None:
    """What is wrong with the store in a folder; None if it is valid."""
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        if meta["key"] != key:
            return "was built by another version"
        found = file_sizes(folder)
        for name, size in meta["bytes"].items():
            if found.get(name) != size:
                return f"is damaged: {name} has {found.get(name, 0):,} bytes instead of {size:,}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "is damaged: it can't be read"
    return None


def store_key(
    corpora: dict[str, list[Corpus]], config: DataConfig, tokenizer: TokenizerConfig
) -> dict[str, Any]:
    """Everything that a store depends on: text, cleaning, mix, tokenizer and format version."""
    check_rules(config.cleaning)
    mixed = bool(config.shares or config.words)
    if tokenizer.path is None:
        tokenized: Any = {"vocab_size": tokenizer.vocab_size}
    else:
        tokenized = {
            path.name: digest(path) for path in existing_files(Path(tokenizer.path).expanduser())
        }
    return {
        "version": [STORE_VERSION, CLEANING_VERSION],
        "text": fingerprint(corpora),
        "cleaning": {
            corpus.name: rules_for(config.cleaning, corpus.name)
            for many in corpora.values()
            for corpus in many
            if corpus.raw
        },
        "mix": {
            "words": config.words,
            "shares": dict(config.shares),
            "allow_repeat": config.allow_repeat,
            "seed": config.seed,
        }
        if mixed
        else None,
        "tokenizer": tokenized,
    }


def store_folder(key: dict[str, Any], cache: Path) -> Path:
    """The folder of the store with this key, whether it exists or not."""
    text = json.dumps(key, sort_keys=True)
    return cache / f"store-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def find_store(config: DataConfig, tokenizer: TokenizerConfig, cache: Path) -> TokenStore | None:
    """The store of a configuration, or None if there is no valid one; see `open_store`."""
    key = store_key(find_corpora(config), config, tokenizer)
    folder = store_folder(key, cache)
    return TokenStore(folder) if folder.exists() and _fault(folder, key) is None else None


def open_store(
    config: DataConfig,
    tokenizer: TokenizerConfig,
    cache: Path,
    say: Callable[[str], None] = lambda text: None,
) -> TokenStore:
    """Opens the store of a configuration; builds it in the cache folder first if necessary.

    Raises:
        InputError: the text is missing or can't be read, cleaned or mixed as configured, or the
            cache can't be written to.
    """
    try:
        return _open_store(config, tokenizer, cache, say)
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        if error.filename and not str(error.filename).startswith(str(cache)):
            raise InputError(f"{error.filename}: {error.strerror}") from error
        raise InputError(
            f"the store can't be written to {cache}: {error.strerror}. Free up space or grant "
            "access there, or choose another folder with paths.cache=<folder>; no partial files "
            "remain"
        ) from error


def _open_store(
    config: DataConfig, tokenizer: TokenizerConfig, cache: Path, say: Callable[[str], None]
) -> TokenStore:
    corpora = find_corpora(config)
    key = store_key(corpora, config, tokenizer)
    folder = store_folder(key, cache)
    if folder.exists() and _fault(folder, key) is None:
        return TokenStore(folder)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists() or (fault := _fault(folder, key)):
            if folder.exists():
                say(f"the store {folder} {fault}; rebuilding it")
            for stale in cache.glob(f"{folder.name}*/"):  # damaged, or left by a killed process
                shutil.rmtree(stale, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=cache))
            try:
                build_store(corpora, config, tokenizer, key, temporary, say)
                temporary.chmod(0o755)
                temporary.rename(folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    return TokenStore(folder)

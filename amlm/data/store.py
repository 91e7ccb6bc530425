"""The store: text tokenised once into flat memory-mapped arrays, kept between runs.

A store is a folder named by a fingerprint of everything that went into it. It is written aside
under a lock and renamed into place whole, so that a reader never sees half of one and two runs
that start together build it once. Shapes: N tokens of a split, V token types.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from amlm.config import DataConfig
from amlm.data.corpora import Corpus, find_corpora, fingerprint, lines_of
from amlm.data.tokenizer import BOUNDARY, load_tokenizer, pieces_of, save_tokenizer, train_tokenizer

STORE_VERSION = 4  # part of the fingerprint: raise it when the format or the tokenizer changes
META_FILE = "meta.json"
LINES_AT_ONCE = 4_096


@dataclass(frozen=True)
class TokenStore:
    """One tokenised corpus on disk.

    Attributes:
        folder: ``tokenizer/``, ``train.ids``, ``dev.ids``, ``meta.json``.
        pieces: the vocabulary in the order of its ids.
    """

    folder: Path
    pieces: list[str]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.folder / "tokenizer")

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    @cached_property
    def word_starts_V(self) -> NDArray[np.bool_]:
        """Whether a type begins a word: every word of the text has exactly one such token."""
        return np.array([piece.startswith(BOUNDARY) for piece in self.pieces])

    def ids(self, split: str) -> NDArray[np.unsignedinteger]:
        """All token ids of a split, memory-mapped: ``[N]``."""
        return np.memmap(self.folder / f"{split}.ids", dtype=_id_type(self.vocab_size), mode="r")

    @cached_property
    def _counts(self) -> dict[str, NDArray[np.int64]]:
        return {}  # filled by `type_counts`: reading through a large store takes a while

    def type_counts(self, split: str) -> NDArray[np.int64]:
        """How often each type occurs in a split: ``[V]``."""
        if split in self._counts:
            return self._counts[split]
        counts = self._counts[split] = np.zeros(self.vocab_size, dtype=np.int64)
        ids = self.ids(split)
        for start in range(0, len(ids), 1 << 22):
            counts += np.bincount(ids[start : start + (1 << 22)], minlength=self.vocab_size)
        return counts

    def words(self, split: str) -> int:
        """Words of a split, counted as ``str.split()`` does."""
        return int(self.type_counts(split)[self.word_starts_V].sum())


def _id_type(vocab_size: int) -> type[np.uint16] | type[np.uint32]:
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    lines = iter(lines)
    while chunk := list(islice(lines, LINES_AT_ONCE)):
        yield chunk


def _write_ids(tokenizer: Tokenizer, lines: Iterable[str], path: Path, note: str) -> None:
    id_type = _id_type(tokenizer.get_vocab_size())
    with path.open("wb") as file, tqdm(desc=note, unit=" lines", leave=False) as bar:
        for chunk in _chunks(lines):
            for encoding in tokenizer.encode_batch_fast(chunk):
                file.write(np.asarray(encoding.ids, dtype=id_type).tobytes())
            bar.update(len(chunk))


def _build(
    corpora: dict[str, list[Corpus]], vocab_size: int, folder: Path, say: Callable[[str], None]
) -> None:
    def lines(split: str) -> Iterator[str]:
        return chain.from_iterable(lines_of(corpus, split) for corpus in corpora[split])

    say(f"training a tokenizer of up to {vocab_size:,} types")
    tokenizer = train_tokenizer(lambda: lines("train"), vocab_size)
    save_tokenizer(tokenizer, folder / "tokenizer", max_length=1_024)
    # Text that spells a special token is text, not a special token.
    tokenizer.encode_special_tokens = True
    for split in corpora:
        _write_ids(tokenizer, lines(split), folder / f"{split}.ids", f"tokenising {split}")
    meta = {
        "version": STORE_VERSION,
        "vocab_size": tokenizer.get_vocab_size(),
        "sources": [corpus.name for corpus in corpora["train"]],
        "bytes": _sizes(folder),
    }
    (folder / META_FILE).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _sizes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _is_whole(folder: Path) -> bool:
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        sizes = _sizes(folder)
        return all(sizes.get(name) == size for name, size in meta["bytes"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def open_store(
    config: DataConfig, vocab_size: int, cache: Path, say: Callable[[str], None] = lambda text: None
) -> TokenStore:
    """Opens the store of a configuration, building it first if need be.

    Args:
        config: what text.
        vocab_size: upper bound V of token types.
        cache: folder that holds the stores.
        say: told what is being done, for people who wait.

    Raises:
        InputError: the text is missing or can't be read (see `amlm.data.corpora`).
        OSError: the cache can't be written.
    """
    corpora = find_corpora(config)
    key = f"{STORE_VERSION}:{vocab_size}:{fingerprint(corpora)}"
    folder = cache / f"store-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"
    if not _is_whole(folder):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_whole(folder):
                for stale in cache.glob(f"{folder.name}*/"):  # torn, or left by a killed process
                    shutil.rmtree(stale, ignore_errors=True)
                aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=cache))
                try:
                    _build(corpora, vocab_size, aside, say)
                    aside.chmod(0o755)
                    aside.rename(folder)
                except BaseException:
                    shutil.rmtree(aside, ignore_errors=True)
                    raise
    return TokenStore(folder, pieces_of(load_tokenizer(folder / "tokenizer")))

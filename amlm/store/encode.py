"""Lines to ids on disk, with the number of words that begin at each token.

Shapes: N tokens of some lines, V token types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from amlm.text.lines import SEGMENT
from amlm.tokenizers.bpe import BOUNDARY, counts_words_by_type, pieces_of
from amlm.tokenizers.word_starts import word_starts

LINES_AT_ONCE = 8_192


@dataclass
class Written:
    """What was written.

    Attributes:
        counts_V: occurrences of each type.
        lines, words: of the text.
    """

    counts_V: NDArray[np.int64]
    lines: int = 0
    words: int = 0

    @property
    def tokens(self) -> int:
        return int(self.counts_V.sum())


def id_type(vocab_size: int) -> type[np.uint16] | type[np.uint32]:
    """The type that ids are stored in: two bytes as long as they fit."""
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


def begins_word(pieces: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a type begins a word, where the type tells (`counts_words_by_type`): ``[V]``."""
    return np.array([piece.startswith(BOUNDARY) for piece in pieces])


def segments(lines: Iterable[str]) -> Iterator[str]:
    """The parts of lines that have [SEP] between them; of an ordinary line, the line."""
    return chain.from_iterable(line.split(SEGMENT) for line in lines)


class Encoder:
    """Tokenises lines on all cores, a chunk ahead of what is being written.

    Every line becomes ``[CLS] ... [SEP]``, a joined one ``[CLS] a [SEP] b [SEP]``. Text that spells
    a special token is text.

    Args:
        tokenizer: is changed to read special tokens as text, and to cut and pad nothing.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()
        # Where a word can't be told by the type of its token, offsets tell; they cost time.
        self.by_type = counts_words_by_type(tokenizer)
        self.begins_word_V = begins_word(pieces_of(tokenizer))

    def write(self, lines: Iterable[str], folder: Path, split: str) -> Iterator[Written]:
        """Appends lines to ``<split>.ids``, and the words at each token to ``<split>.words`` where
        types don't tell them. Yields the running totals after each chunk."""
        total = Written(np.zeros(self.vocab_size, dtype=np.int64))
        with (
            (folder / f"{split}.ids").open("ab") as ids,
            (folder / f"{split}.words").open("ab") as words,
        ):
            for chunk, encodings in self._encoded(lines):
                ids_N, words_N = self._chunk(chunk, encodings)
                ids.write(ids_N.tobytes())
                if not self.by_type:
                    words.write(words_N.astype(np.uint8).tobytes())
                total.counts_V += np.bincount(ids_N, minlength=self.vocab_size)
                total.words += int(words_N.sum(dtype=np.int64))
                total.lines += len(chunk)
                yield total

    def _encoded(self, lines: Iterable[str]) -> Iterator[tuple[list[str], list[Encoding]]]:
        lines = iter(lines)
        encode = self.tokenizer.encode_batch_fast if self.by_type else self.tokenizer.encode_batch
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            while chunk := list(islice(lines, LINES_AT_ONCE)):
                encodings = ahead.submit(encode, list(segments(chunk)))
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = chunk, encodings
            if waiting is not None:
                yield waiting[0], waiting[1].result()

    def _chunk(
        self, chunk: list[str], encodings: list[Encoding]
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.integer]]:
        """Ids of a chunk and the words that begin at each: ``[N]``, ``[N]``."""
        ids = chain.from_iterable(encoding.ids for encoding in encodings)
        ids_N: NDArray[np.unsignedinteger] = np.fromiter(ids, id_type(self.vocab_size))
        words_N: NDArray[np.integer]
        if self.by_type:
            words_N = self.begins_word_V[ids_N]
        else:
            words_N = np.concatenate(list(map(word_starts, segments(chunk), encodings)))
        if len(encodings) == len(chunk):
            return ids_N, words_N
        # The [CLS] in front of every part of a line but its first is left out.
        parts = np.array([line.count(SEGMENT) + 1 for line in chunk])
        first = np.zeros(len(encodings), dtype=bool)
        first[np.append(0, parts.cumsum()[:-1])] = True
        lengths = np.array([len(encoding) for encoding in encodings])
        kept_N = np.ones(len(ids_N), dtype=bool)
        kept_N[np.append(0, lengths.cumsum()[:-1])[~first]] = False
        return ids_N[kept_N], words_N[kept_N]

"""Tokenises lines to ids on disk, with the number of words that begin at each token.

Shapes: N tokens of some lines, V token types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from amlm.text.lines import SEGMENT
from amlm.tokenizers.bpe import BOUNDARY, counts_words_by_type, pieces_of
from amlm.tokenizers.special_tokens import special_ids
from amlm.tokenizers.word_cache import WordCache
from amlm.tokenizers.word_starts import word_starts
from amlm.util.chunks import chunks

LINE_END = "\n"  # among the words of several lines
# Of the tokens of a chunk, and the number of words that begin at each: ``[N]``, ``[N]``.
IdsAndWords: TypeAlias = tuple[NDArray[np.unsignedinteger], NDArray[np.integer]]


@dataclass
class Totals:
    """Totals of the text written so far.

    Attributes:
        counts_V: occurrences of each type.
        lines, words: number of lines and of words.
        bytes: of the lines in UTF-8, each with its end.
    """

    counts_V: NDArray[np.int64]
    lines: int = 0
    words: int = 0
    bytes: int = 0

    @property
    def tokens(self) -> int:
        return int(self.counts_V.sum())


def id_type(vocab_size: int) -> type[np.uint16] | type[np.uint32]:
    """The dtype that ids are stored in: two bytes if they fit, else four."""
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


def begins_word(pieces: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each type begins a word, for tokenizers where the type determines it
    (see `counts_words_by_type`): ``[V]``."""
    return np.array([piece.startswith(BOUNDARY) for piece in pieces])


def segments(lines: Iterable[str]) -> Iterator[str]:
    """Splits joined lines at their separators; an ordinary line is one segment."""
    return chain.from_iterable(line.split(SEGMENT) for line in lines)


class Encoder:
    """Tokenises lines, each distinct word once where the tokenizer allows it.

    Every line becomes ``[CLS] ... [SEP]``, a joined one ``[CLS] a [SEP] b [SEP]``. Text that spells
    a special token is encoded as ordinary text.

    Args:
        tokenizer: modified in place: special tokens in text are read as text, and truncation and
            padding are disabled.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()
        # Where the token type does not determine whether a word begins, offsets do, at a cost.
        self.by_type = counts_words_by_type(tokenizer)
        self.begins_word_V = begins_word(pieces_of(tokenizer))
        self.special = special_ids(tokenizer)
        self.ids_of_words = WordCache(self._encode_words)

    def write(self, lines: Iterable[str], folder: Path, split: str) -> Iterator[Totals]:
        """Appends ids to ``<split>.ids`` and, if types do not determine them, the words that begin
        at each token to ``<split>.words``. Yields the running totals after each chunk."""
        totals = Totals(np.zeros(self.vocab_size, dtype=np.int64))
        with (
            (folder / f"{split}.ids").open("ab") as ids,
            (folder / f"{split}.words").open("ab") as words,
        ):
            for chunk in chunks(lines):
                ids_N, words_N = (self._by_word if self.by_type else self._by_offset)(chunk)
                ids.write(ids_N.tobytes())
                if not self.by_type:
                    words.write(words_N.astype(np.uint8).tobytes())
                totals.counts_V += np.bincount(ids_N, minlength=self.vocab_size)
                totals.words += int(words_N.sum(dtype=np.int64))
                totals.lines += len(chunk)
                totals.bytes += sum(map(len, map(str.encode, chunk))) + len(chunk)
                yield totals

    def _by_word(self, chunk: list[str]) -> IdsAndWords:
        words = f" {LINE_END} ".join(chunk).replace(SEGMENT, f" {SEGMENT} ").split(" ")
        ids = b"".join([self._bytes(self.special.cls), *self.ids_of_words.of([*words, SEGMENT])])
        ids_N: NDArray[np.unsignedinteger] = np.frombuffer(ids, id_type(self.vocab_size))
        return ids_N, self.begins_word_V[ids_N]

    def _encode_words(self, words: list[str]) -> Iterator[bytes]:
        cls, sep = self.special.cls, self.special.sep
        between = {SEGMENT: self._bytes(sep), LINE_END: self._bytes(sep, cls)}
        encodings = self.tokenizer.encode_batch_fast(words, add_special_tokens=False)
        for word, encoding in zip(words, encodings, strict=True):
            yield between[word] if word in between else self._bytes(*encoding.ids)

    def _bytes(self, *ids: int) -> bytes:
        return np.array(ids, id_type(self.vocab_size)).tobytes()

    def _by_offset(self, chunk: list[str]) -> IdsAndWords:
        texts = list(segments(chunk))
        encodings = self.tokenizer.encode_batch(texts)
        ids = chain.from_iterable(encoding.ids for encoding in encodings)
        ids_N: NDArray[np.unsignedinteger] = np.fromiter(ids, id_type(self.vocab_size))
        words_N = np.concatenate(list(map(word_starts, texts, encodings)))
        if len(encodings) == len(chunk):
            return ids_N, words_N
        # Only the first segment of a line keeps its [CLS].
        sizes = np.array([line.count(SEGMENT) + 1 for line in chunk])
        first = np.zeros(len(encodings), dtype=bool)
        first[np.append(0, sizes.cumsum()[:-1])] = True
        lengths = np.array([len(encoding) for encoding in encodings])
        kept_N = np.ones(len(ids_N), dtype=bool)
        kept_N[np.append(0, lengths.cumsum()[:-1])[~first]] = False
        return ids_N[kept_N], words_N[kept_N]

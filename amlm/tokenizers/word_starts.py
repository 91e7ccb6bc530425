"""Finds the tokens at which words begin.

Shapes: N tokens of a line, V token types, G blocks of L tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

WORD = re.compile(r"\S+")
# Thai, Lao, Tibetan, Myanmar, Khmer, kana and Han: no spaces between words.
UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
FEWEST = 20  # tokens per word from which on words are no words


def word_starts(line: str, encoding: Encoding) -> NDArray[np.uint8]:
    """How many words of ``line.split()`` begin at each token: ``[N]``; sums to the number of words.

    A word begins at the first token that ends after the word's first character: the token that
    contains it or, if the tokenizer dropped it, the next one (at the latest ``[SEP]``).

    Args:
        line: the text.
        encoding: its encoding with special tokens and offsets (`encode_batch`, not
            `encode_batch_fast`).

    Raises:
        ValueError: the encoding does not end with a special token.
    """
    if not encoding.special_tokens_mask or not encoding.special_tokens_mask[-1]:
        raise ValueError("word starts need an encoding with its special tokens")
    ends_N = np.maximum.accumulate([end for _, end in encoding.offsets])
    ends_N[-1] = len(line) + 1
    begins = [match.start() for match in WORD.finditer(line)]
    at = np.searchsorted(ends_N, begins, side="right")
    return np.bincount(at, minlength=len(ends_N)).astype(np.uint8)


def is_unspaced(surfaces: Sequence[str | None]) -> NDArray[np.bool_]:
    """Whether each type is in a script that is written without spaces between words: ``[V]``."""
    return np.array([bool(s and UNSPACED.search(s)) for s in surfaces])


def begins_unit(begins_GL: NDArray[np.bool_], unspaced_GL: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the words begin that masking selects as a whole: ``[G, L]``.

    These are the words of ``str.split()``, but in scripts without spaces every token is a word:
    pieces of a tokenizer are the nearest thing to words there that needs no dictionary.
    """
    begins_GL = begins_GL | unspaced_GL
    begins_GL[:, 1:] |= unspaced_GL[:, :-1]
    return begins_GL


def boundary_warning(words: int, tokens: int) -> str | None:
    """A warning if ``tokens`` tokens have so few words that there must be no word boundaries."""
    if words * FEWEST >= tokens:
        return None
    return (
        f"a word has {tokens / max(words, 1):.0f} tokens on average: the text, as this tokenizer "
        "reads it, has hardly any word boundaries. Words and spans are then cut into parts of the "
        "mask ratio times the sequence length; use masking/unit=token"
    )

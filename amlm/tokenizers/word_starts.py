"""Finds the tokens at which the words of a line begin. Shapes: N tokens of a line."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

WORD = re.compile(r"\S+")


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

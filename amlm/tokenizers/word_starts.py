"""Which tokens begin the words of a line, for a tokenizer of any kind.

Shapes: N tokens of a line.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

WORD = re.compile(r"\S+")


def word_starts(line: str, encoding: Encoding) -> NDArray[np.uint8]:
    """How many words of ``line.split()`` begin at each token: ``[N]``, with the sum of the words.

    A word counts at the first token that ends behind its first character: the token that holds
    that character or, if the tokenizer dropped it, the next one that there is, which is ``[SEP]``
    after the last. A token that begins two words counts two.

    Args:
        line: the text.
        encoding: its encoding, with special tokens and with offsets (`encode_batch`, not
            `encode_batch_fast`).

    Raises:
        ValueError: the encoding ends with no special token.
    """
    if not encoding.special_tokens_mask or not encoding.special_tokens_mask[-1]:
        raise ValueError("word starts need an encoding with its special tokens")
    ends_N = np.maximum.accumulate([end for _, end in encoding.offsets])
    ends_N[-1] = len(line) + 1
    begins = [match.start() for match in WORD.finditer(line)]
    at = np.searchsorted(ends_N, begins, side="right")
    return np.bincount(at, minlength=len(ends_N)).astype(np.uint8)

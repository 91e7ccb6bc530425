"""What a score is worth: systems that know nothing, or only how common tokens are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amlm.evaluation.zero_shot.scoring import Query

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LINES_AT_ONCE = 4_096


class Frequency:
    """A `Scorer` (see `amlm.evaluation.zero_shot.scoring`) that knows token frequencies alone.

    A token's probability is its share of a text, with one added to every count.

    Args:
        tokenizer: that of the model which the baseline is for.
        counts_V: how often each token type occurs.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, counts_V: NDArray[np.int64]) -> None:
        self.tokenizer = tokenizer
        self.limit = 2**31
        more_V = counts_V + 1
        self.log_share_V: NDArray[np.float32] = (np.log(more_V) - np.log(more_V.sum())).astype(
            np.float32
        )
        text = tokenizer.backend_tokenizer.to_str().encode() + counts_V.tobytes()
        self.fingerprint = hashlib.blake2b(text, digest_size=16).hexdigest()

    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Log-shares of the targets: ``[Q]``."""
        return np.take(self.log_share_V, [query.target for query in queries])


def count_tokens(tokenizer: PreTrainedTokenizerFast, path: Path) -> NDArray[np.int64]:
    """How often each token type occurs in a text file, line by line: ``[V]``."""
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    with path.expanduser().open(encoding="utf-8", errors="replace") as lines:
        stripped = (line.strip() for line in lines)
        while chunk := list(islice(stripped, LINES_AT_ONCE)):
            encoded = tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]
            flat = np.fromiter((v for ids in encoded for v in ids), dtype=np.int64)
            counts_V += np.bincount(flat, minlength=len(counts_V))
    return counts_V

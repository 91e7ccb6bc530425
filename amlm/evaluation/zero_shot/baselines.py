"""The frequency baseline: a system that knows only how frequent tokens are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amlm.evaluation.zero_shot.scoring import Query
from amlm.util.progress_bar import progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHUNK_LINES = 4_096


class Frequency:
    """A `Scorer` (see `amlm.evaluation.zero_shot.scoring`) from occurrences of each token type.

    The probability of a token is its relative frequency in a text, with add-one smoothing.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, counts_V: NDArray[np.int64]) -> None:
        self.tokenizer = tokenizer
        self.limit = 2**31
        self.backend = "mlm"
        smoothed_V = counts_V + 1
        log_probs_V = np.log(smoothed_V) - np.log(smoothed_V.sum())
        self.log_probs_V: NDArray[np.float32] = log_probs_V.astype(np.float32)
        text = tokenizer.backend_tokenizer.to_str().encode() + counts_V.tobytes()
        self.fingerprint = hashlib.blake2b(text, digest_size=16).hexdigest()

    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Log-probabilities of the targets: ``[Q]``."""
        return np.take(self.log_probs_V, [query.target for query in queries])


def count_tokens(tokenizer: PreTrainedTokenizerFast, path: Path) -> NDArray[np.int64]:
    """Occurrences of each token type in a text file, tokenised line by line: ``[V]``."""
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    with path.expanduser().open(encoding="utf-8", errors="replace") as lines:
        shown = progress_bar(lines, desc=f"counting tokens of {path.name}", unit=" lines")
        stripped = (line.strip() for line in shown)
        while chunk := list(islice(stripped, CHUNK_LINES)):
            encoded = tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]
            flat = np.fromiter((v for ids in encoded for v in ids), dtype=np.int64)
            counts_V += np.bincount(flat, minlength=len(counts_V))
    return counts_V

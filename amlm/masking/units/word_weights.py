"""What a masking table, which is per type, means for words: the mean of their pieces.

Shapes: V token types, W distinct words, P pieces of all of them, G blocks of L tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amlm.masking.table import drift
from amlm.tokenizers.bpe import BOUNDARY

FEWEST = 5  # occurrences of a word in the sample; rarer ones are not described
MOST_PIECES = 4  # longer words are described together


@dataclass(frozen=True)
class WordSample:
    """The words of a sample of the training text, whole in their block."""

    names: tuple[str, ...]  # W
    pieces_P: Tensor  # int64, ids of the words' pieces, word after word
    word_P: Tensor  # int64, the word of each piece
    sizes_W: Tensor  # int64, pieces of each word

    def weights(self, table_V: Tensor) -> Tensor:
        """Float64 mean weight of each word: ``[W]``."""
        sums_W = torch.zeros(len(self.names), dtype=torch.float64)
        sums_W.index_add_(0, self.word_P, table_V.cpu().double()[self.pieces_P])
        return sums_W / self.sizes_W

    def describe(
        self, table_V: Tensor, previous_V: Tensor, first_V: Tensor, top: int
    ) -> dict[str, Any]:
        """Effective number of words, how far the distribution over words has moved, mean weight by
        number of pieces, and the ``top`` words with the highest and the lowest weight."""
        weights_W = self.weights(table_V)
        moved = drift(weights_W, self.weights(previous_V), self.weights(first_V))
        order = weights_W.argsort(stable=True).tolist()
        named = [(self.names[w], float(weights_W[w])) for w in order]
        sizes_W = self.sizes_W.clamp(max=MOST_PIECES)
        return {
            "effective_words": moved["effective_types"],
            "words": len(self.names),
            "kl_previous": moved["kl_previous"],
            "kl_first": moved["kl_first"],
            "by_pieces": {
                f"{size}{'+' * (size == MOST_PIECES)}": float(weights_W[sizes_W == size].mean())
                for size in sorted(set(sizes_W.tolist()))
            },
            "highest": named[::-1][:top],
            "lowest": named[:top],
        }


def sample_words(
    ids_GL: NDArray[np.int64],
    begins_GL: NDArray[np.bool_],
    surfaces: Sequence[str | None],
    not_maskable: Sequence[int],
) -> WordSample | None:
    """The words of some blocks that occur at least `FEWEST` times; None if there are none.

    Left out: words cut by a block's edge, and those with a piece that is never masked or has no
    surface form.
    """
    unnamed_V = np.array([surface is None for surface in surfaces])
    unnamed_V[list(not_maskable)] = True
    counts: Counter[tuple[int, ...]] = Counter()
    for ids_L, begins_L in zip(ids_GL, begins_GL | unnamed_V[ids_GL], strict=True):
        parts = np.split(ids_L, np.flatnonzero(begins_L))[1:-1]
        counts.update(tuple(part.tolist()) for part in parts if not unnamed_V[part].any())
    words = sorted(word for word, count in counts.items() if count >= FEWEST)
    if not words:
        return None
    sizes = torch.tensor([len(word) for word in words])
    return WordSample(
        names=tuple("".join(str(surfaces[v]) for v in word).strip(BOUNDARY) for word in words),
        pieces_P=torch.tensor([v for word in words for v in word]),
        word_P=torch.repeat_interleave(sizes),
        sizes_W=sizes,
    )

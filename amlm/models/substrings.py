"""Which vocabulary items are substrings of which: the sparse matrix behind n-hot embeddings.

The n-hot vector h_v of a token type v (the paper, Edman & Fraser 2025, "token-level n-hot
embeddings") has a one at every vocabulary item that occurs in v's surface form. The V x V matrix h
is stored in CSR format: for 40,000 types that is about 600,000 int32 instead of 1.6 billion.

V vocabulary size, Z number of ones in h.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SubstringIndex:
    """Rows of h in {0,1}^{V x V}: row v is `indices[offsets[v] : offsets[v + 1]]`, ascending.

    Attributes:
        indices: int32, shape [Z], ids of vocabulary items.
        offsets: int64, shape [V + 1], the last one is Z.
    """

    indices: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of rows, V."""
        return len(self.offsets) - 1

    def row(self, v: int) -> NDArray[np.int32]:
        """Ids of the vocabulary items in the surface form of type `v`, ascending."""
        return self.indices[self.offsets[v] : self.offsets[v + 1]]


def build_substring_index(
    surfaces: Sequence[str | None], include_self: bool = True
) -> SubstringIndex:
    """Finds all vocabulary items that occur in each vocabulary item.

    Args:
        surfaces: surface form of each id, with the word-boundary mark "▁" as an ordinary
            character; None for excluded types (special and byte tokens), whose rows are empty and
            which are never substrings.
        include_self: whether v is in row v. Another id with the same surface form always is.

    A surface form of n characters costs n lookups per distinct length in the vocabulary, not per
    vocabulary item: 40,000 types take half a second.
    """
    ids_of: dict[str, list[int]] = defaultdict(list)
    for v, surface in enumerate(surfaces):
        if surface is not None:
            ids_of[surface].append(v)
    lengths = sorted({len(surface) for surface in ids_of})

    indices: list[int] = []
    offsets = np.zeros(len(surfaces) + 1, dtype=np.int64)
    for v, surface in enumerate(surfaces):
        if surface is not None:
            row = _ids_inside(surface, ids_of, lengths)
            if not include_self:
                row.remove(v)
            indices += row
        offsets[v + 1] = len(indices)
    return SubstringIndex(np.array(indices, dtype=np.int32), offsets)


def _ids_inside(surface: str, ids_of: dict[str, list[int]], lengths: list[int]) -> list[int]:
    """Ids of the vocabulary items that occur in `surface`, itself included, ascending."""
    size = len(surface)
    found: set[str] = set()
    for length in lengths:
        if length > size:
            break
        found.update([surface[i : i + length] for i in range(size - length + 1)])
    return sorted(v for piece in ids_of.keys() & found for v in ids_of[piece])

"""N-hot token embeddings: the embedding of a token plus a sum over its vocabulary substrings.

    E'[v] = E[v] + (h_v W) P        (the paper, Edman & Fraser 2025: "added" to the embedding)

h_v is the row of the `SubstringIndex` for token type v, W has one vector per vocabulary item, and P
is a projection, used when W is narrower than E. E' depends only on the token type, so at export
`folded_weight` turns it into an ordinary embedding matrix; the output head keeps E.

Shapes: V vocabulary size, D hidden size, S width of W, Z ones in h, N tokens in the batch,
U types in the batch (or an upper bound), T ones in the rows of those types (or an upper bound).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from amlm.models.substrings import SubstringIndex
from amlm.models.tied import FusedEmbedding

FOLD_ROWS = 4096  # rows of E' computed at a time, to bound the memory of `folded_weight`


def static_length(exact: Tensor, bound: int) -> int:
    """Length of a tensor whose exact length, a scalar on the device, depends on the batch.

    Reading it costs nothing on a CPU. On an accelerator it would wait for all queued kernels, so
    the bound is used instead: no host-device synchronisation, and the same shape at every step.
    """
    return int(exact) if exact.device.type == "cpu" else bound


def distinct_types(ids_N: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """The distinct types of a batch, ascending, and the inverse: ``ids_N == types_U[rank_N]``.

    Like `torch.unique`, without its host-device synchronisation. If U is the bound min(N, V),
    unused entries at the end of `types_U` are the non-existent type V.
    """
    present_V = torch.zeros(vocab_size, dtype=torch.int64, device=ids_N.device)
    count_V = present_V.index_fill_(0, ids_N, 1).cumsum(0)
    size = static_length(count_V[-1], min(len(ids_N), vocab_size))
    nth_U = torch.arange(1, size + 1, device=ids_N.device)
    return torch.searchsorted(count_V, nth_U), count_V[ids_N] - 1


def select_rows(
    types_U: Tensor, indices_Z: Tensor, starts: Tensor, bound: int, filler: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Concatenates the CSR rows `types_U`.

    Args:
        types_U: row numbers, 0 ... V; row V is empty.
        indices_Z: column ids of the CSR matrix.
        starts: [V + 2], start of each row, of the empty row V, and the end.
        bound: upper bound of the total length of the rows.
        filler: id for unused entries at the end of `slots_T` if T is the bound.

    Returns:
        slots_T: the concatenated ids; owner_T: the position in `types_U` of each one's row; and
        offsets_U: the start of each row. Unused entries belong to the last row.
    """
    first_U = starts[types_U]
    size_U = starts[types_U + 1] - first_U
    end_U = size_U.cumsum(0)
    total = end_U[-1]
    slot_T = torch.arange(static_length(total, bound), device=types_U.device)
    owner_T = torch.searchsorted(end_U, slot_T, right=True).clamp_(max=len(types_U) - 1)
    offsets_U = end_U - size_U
    source_T = (slot_T + (first_U - offsets_U)[owner_T]).clamp_(max=len(indices_Z) - 1)
    return torch.where(slot_T < total, indices_Z[source_T], filler), owner_T, offsets_U


class BatchTypes(NamedTuple):
    """The distinct types of a batch and their substrings: `distinct_types` and `select_rows`."""

    rank_N: Tensor
    slots_T: Tensor
    owner_T: Tensor
    offsets_U: Tensor

    def per_type(self, rows: Tensor) -> Tensor:
        """Rows per type ``[U, D]`` from rows per token ``[..., D]``, alike for tokens of a type.

        Takes that of its last token, through which the gradient goes to the row of E. Unused
        entries get the row of some token.
        """
        token_N = torch.arange(len(self.rank_N), device=self.rank_N.device)
        token_U = torch.zeros_like(self.offsets_U)
        token_U.scatter_reduce_(0, self.rank_N, token_N, "amax")
        return F.embedding(token_U, rows.reshape(-1, rows.size(-1)))

    def per_token(self, rows_UD: Tensor, ids: Tensor) -> Tensor:
        """Rows per token of `ids`, ``[..., D]``, from rows per type."""
        return F.embedding(self.rank_N.view(ids.shape), rows_UD)


class NHotEmbedding(FusedEmbedding):
    """Drop-in replacement for a token embedding that adds the n-hot term.

    It takes over the Parameter of `word_embeddings` under the name `weight`. An output head tied to
    the token embedding therefore stays tied to E (Hugging Face ties by the name
    `deberta.embeddings.word_embeddings.weight`, which still exists and still is E), and existing
    checkpoint names do not change; W and P are added. The index is not in the checkpoint, because
    it follows from the tokenizer.

    Cost. Tokens repeat (2,048 tokens have about 500 types), so rows of W are summed once per type
    of the batch and then looked up per token, as in an embedding. Forward and backward time of the
    n-hot term in ms, 2 CPU threads, English BPE (8 ones per token), dense gradient of W:

    ======================================================  ===========  ============  ============
    types, width, tokens per batch                          8k 128 2048  40k 384 1024  40k 384 16k
    ======================================================  ===========  ============  ============
    an ordinary embedding of that size, for comparison      0.3          14            20
    all of h W at every step, then look up                  8.0          183           192
    rows padded to the longest, per token                   3.7          18            94
    ragged rows, per token                                  1.9          15            44
    ragged rows, per type; lengths as bounds (accelerator)  2.5          18            48
    ragged rows, per type; exact lengths (CPU)              1.6          17            30
    ======================================================  ===========  ============  ============

    Initialisation: W ~ N(0, std² / n), with n the mean number of substrings per type (`energy`),
    and P ~ N(0, 1 / S). Averaged over types, h_v W P then has the variance of E, so neither term
    dominates. The paper does not specify it. Initialising W to zero would start from the plain
    model, but LAMB's step is proportional to the norm of the weights, and a matrix near zero needs
    hundreds of steps to grow.

    Args:
        word_embeddings: the token embedding, [V, D].
        index: substrings of each of the V types.
        dim: S; None for D, without projection.
        std: standard deviation of the initial token embedding.

    Raises:
        ValueError: index and embedding differ in V, or every type is a substring of another one
            (the id of one that is not, such as [PAD], is needed as a filler).
    """

    indices_Z: Tensor
    starts: Tensor

    def __init__(
        self,
        word_embeddings: nn.Embedding,
        index: SubstringIndex,
        dim: int | None = None,
        std: float = 0.02,
    ) -> None:
        super().__init__()
        vocab_size, width = word_embeddings.weight.shape
        if len(index) != vocab_size:
            raise ValueError(
                f"the substring index has {len(index)} types and the token embedding {vocab_size}: "
                "build the index from the model's own tokenizer"
            )
        unused = np.setdiff1d(np.arange(vocab_size), index.indices)
        if not len(unused):
            raise ValueError(
                "every type is a substring of some type: the vocabulary needs a special token"
            )
        dim = width if dim is None else dim
        self.std = std
        self.weight = word_embeddings.weight
        self.padding_idx = word_embeddings.padding_idx
        self.substring_weight = nn.Parameter(self.weight.new_empty(vocab_size, dim))
        self.projection = nn.Linear(dim, width, bias=False) if dim != width else None
        if self.projection is not None:
            self.projection.to(self.weight)

        starts = np.append(index.offsets, index.offsets[-1])
        for name, numbers in (("indices_Z", index.indices), ("starts", starts)):
            ids = torch.tensor(numbers, dtype=torch.int64, device=self.weight.device)
            self.register_buffer(name, ids, persistent=False)
        sizes_V = np.diff(index.offsets)
        # The types of a batch are distinct: u of them have at most the ones of the u longest rows.
        self._ones_of_longest: list[int] = [0, *np.sort(sizes_V)[::-1].cumsum().tolist()]
        self._filler = int(unused[0])
        self._energy = self.energy(sizes_V[sizes_V > 0]) if len(index.indices) else 1.0
        self.reset_parameters()

    @staticmethod
    def energy(sizes: NDArray[np.int64]) -> float:
        """The initial sum of squared weights of a type's substrings, averaged over types, given
        their number for each type that has any."""
        return float(sizes.mean())

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Initialises W and P (see the class); E is unchanged."""
        self.substring_weight.normal_(0.0, self.std / self._energy**0.5)
        if self.projection is not None:
            self.projection.weight.normal_(0.0, self.projection.in_features**-0.5)

    def batch_types(self, ids: Tensor) -> BatchTypes:
        """The distinct types of `ids`, of any shape, and their substrings."""
        types_U, rank_N = distinct_types(ids.reshape(-1), len(self.weight))
        bound = self._ones_of_longest[len(types_U)]
        return BatchTypes(
            rank_N, *select_rows(types_U, self.indices_Z, self.starts, bound, self._filler)
        )

    def sum_substrings(self, batch: BatchTypes, weight_T: Tensor | None = None) -> Tensor:
        """The n-hot term of each type, [U, D], with a weight per substring if there is one."""
        nhot_UD = F.embedding_bag(
            batch.slots_T,
            self.substring_weight,
            batch.offsets_U,
            mode="sum",
            per_sample_weights=weight_T,
            padding_idx=self._filler,
        )
        return nhot_UD if self.projection is None else self.projection(nhot_UD)

    def fuse(self, rows: Tensor, ids: Tensor) -> Tensor:
        """Adds the n-hot term to `rows`, the rows of E for `ids`, [..., D]."""
        batch = self.batch_types(ids)
        return rows + batch.per_token(self.sum_substrings(batch), ids)

    @torch.no_grad()
    def folded_weight(self) -> Tensor:
        """E' as an ordinary embedding matrix, float32 [V, D], on the device of E."""
        ids_V = torch.arange(len(self.weight), device=self.weight.device)
        with torch.autocast(self.weight.device.type, enabled=False):
            return torch.cat([self(ids_N).float() for ids_N in torch.split(ids_V, FOLD_ROWS)])

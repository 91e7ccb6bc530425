"""Fusions of a token's embedding with the embeddings of its substrings, beside the paper's sum.

For a token type v with row E[v], n-hot term n_v = (h_v W) P (`amlm.models.nhot`), and c_v
occurrences in the training text:

    add        E'[v] = E[v] + n_v
    gate       E'[v] = E[v] + g_v * n_v        g_v = sigmoid(A [norm(E[v]); norm(n_v)] + b)
    attention  E'[v] = E[v] + (a_v W) P        a_v = softmax of q_v k_u / sqrt(K) over substrings u
    frequency  E'[v] = m_v E[v] + (1 - m_v) n_v              m_v = c_v / (c_v + median of c)

All depend on the type only, so that `folded_weight` exports each as an ordinary matrix, and are
computed once per type of the batch. norm is a layer norm without parameters: rows start near 0.02,
where a gate or a score would hardly differ between types.

Shapes: V vocabulary size, D hidden size, S width of W, N tokens in the batch, U types in the batch,
T ones in the rows of those types, K width of keys.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from amlm.models.nhot import NHotEmbedding

KEY_WIDTH = 64  # as in a head of BERT-base; the T keys of a batch must stay small beside W


def normalize(rows: Tensor) -> Tensor:
    """Rows with mean 0 and variance 1 over the last dimension."""
    return F.layer_norm(rows, rows.shape[-1:])


def segment_softmax(score_T: Tensor, owner_T: Tensor, segments: int) -> Tensor:
    """Softmax within each segment; `owner_T` is the segment of each score."""
    lowest = torch.finfo(score_T.dtype).min
    top_U = score_T.new_full((segments,), lowest)
    top_U.scatter_reduce_(0, owner_T, score_T.detach(), "amax")
    mass_T = (score_T - top_U.gather(0, owner_T)).exp()
    total_U = score_T.new_zeros(segments).index_add(0, owner_T, mass_T)
    return mass_T / total_U.gather(0, owner_T)


class GateNHot(NHotEmbedding):
    """Adds the n-hot term through a gate per type and dimension, computed from both embeddings.

    At 1 it is the paper's sum, at 0 the plain embedding. Gates in this form: Yang et al. 2017,
    "Words or Characters? Fine-grained Gating for Reading Comprehension", who interpolate.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        width = self.weight.size(1)
        self.gate = nn.Linear(2 * width, width).to(self.weight)

    def fuse(self, rows: Tensor, ids: Tensor) -> Tensor:
        batch = self.batch_types(ids)
        nhot_UD = self.sum_substrings(batch)
        both = torch.cat([normalize(batch.per_type(rows)), normalize(nhot_UD)], -1)
        return rows + batch.per_token(self.gate(both).sigmoid() * nhot_UD, ids)


class AttentionNHot(NHotEmbedding):
    """Adds a weighted mean of substrings: scaled dot-product attention (Vaswani et al. 2017) with
    a query from the token's own row and a key from each substring's row of W."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        width, dim = self.weight.size(1), self.substring_weight.size(1)
        self.query = nn.Linear(width, KEY_WIDTH, bias=False).to(self.weight)
        self.key = nn.Linear(dim, KEY_WIDTH, bias=False).to(self.weight)

    @staticmethod
    def energy(sizes: NDArray[np.int64]) -> float:
        """That of equal weights: attention starts close to a mean."""
        return float((1 / sizes).mean())

    def fuse(self, rows: Tensor, ids: Tensor) -> Tensor:
        batch = self.batch_types(ids)
        query_UK = self.query(normalize(batch.per_type(rows)))
        key_VK = self.key(normalize(self.substring_weight))  # of all: T exceeds V in large batches
        query_TK, key_TK = F.embedding(batch.owner_T, query_UK), F.embedding(batch.slots_T, key_VK)
        # In float32 at least, as CUDA's autocast has the exponential of a bfloat16 score.
        precise = torch.promote_types(self.substring_weight.dtype, torch.float32)
        score_T = (query_TK * key_TK).sum(-1).to(precise) / KEY_WIDTH**0.5
        # Unused slots, at the end, belong to the last type and must not take part of its mass.
        unused_T = batch.slots_T == self._filler
        score_T = score_T.masked_fill(unused_T, torch.finfo(score_T.dtype).min)
        weight_T = segment_softmax(score_T, batch.owner_T, len(batch.offsets_U))
        nhot_UD = self.sum_substrings(batch, weight_T.to(self.substring_weight))
        return rows + batch.per_token(nhot_UD, ids)


class FrequencyNHot(NHotEmbedding):
    """Interpolates: rare types lean on their substrings, frequent ones on their own row.

    The weight of the own row, c / (c + a), is that of an estimate from c observations beside a
    prior worth a of them (MacKay & Peto 1995, "A hierarchical Dirichlet language model"). Here a is
    the median count of the types that have substrings: half of them lean either way, whatever the
    size of the text. A type without substrings keeps its own row.

    Args:
        counts: occurrences of each type in the training text, [V].
        args: as `NHotEmbedding`.
    """

    own_V: Tensor

    def __init__(self, counts: NDArray[np.int64], *args: Any) -> None:
        super().__init__(*args)
        has_substrings_V = np.diff(self.starts[:-1].numpy(force=True)) > 0
        median = np.median(counts[has_substrings_V]) if has_substrings_V.any() else 0
        own_V = np.where(has_substrings_V, counts / (counts + max(1, median)), 1)
        # In the checkpoint: it follows from the training text, which others may not have.
        self.register_buffer("own_V", torch.from_numpy(own_V).to(self.weight))

    def fuse(self, rows: Tensor, ids: Tensor) -> Tensor:
        batch = self.batch_types(ids)
        nhot = batch.per_token(self.sum_substrings(batch), ids)
        own = self.own_V[ids][..., None]
        return own * rows + (1 - own) * nhot

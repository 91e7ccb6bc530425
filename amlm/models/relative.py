"""Disentangled relative attention as a function, without parameters.

The score of query position i for key position j is the sum of up to three products (He et al. 2021,
"DeBERTa", equation 4), divided by the square root of their number times the head size::

    s[i, j]  ~  q[i].k[j]  +  q[i].pos_key[i - j]  +  k[j].pos_query[i - j]
                content       c2p                     p2c

Only the ``K = 2L - 1`` distances that occur in a sequence are scored, one column per distance and
in order: column ``j - i + L - 1`` for c2p and ``i - j + L - 1`` for p2c. The position scores of all
pairs are then a strided view of these columns (`skew`): the forward pass needs no gather, the
backward pass no scatter, and position vectors are never repeated over the batch. On a CPU, rows are
scored in blocks: R rows reach only ``L + R - 1`` columns.

Shapes: B batch, L length, H heads, E head size, K distances, N heads times batch (head first),
R rows of a block, C columns (those that a block reaches, and one more), X batch times rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random.bit_generator import ISeedSequence
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS = 64  # rows of position scores computed at a time on a CPU
CACHED_COLUMNS = 2**19  # position scores computed at a time: 2 MB fit in a CPU's cache


def bucket(distance_L: Tensor, buckets: int, max_distance: int) -> Tensor:
    """Bucket of each distance >= 0; the bucket of ``-d`` is minus the bucket of ``d``.

    Distances up to half the number of buckets have their own bucket; larger ones share buckets on a
    logarithmic scale that ends at `max_distance`. With ``buckets < 1`` every distance has its own.
    The logarithm is float32, as in the original, because its rounding decides borderline distances.
    """
    if buckets < 1:
        return distance_L
    near = buckets // 2
    far_L = distance_L.clamp(min=near - 1).float() / near
    span = torch.log(torch.tensor((max_distance - 1) / near, device=distance_L.device))
    far_bucket_L = near + torch.ceil(torch.log(far_L) / span * (near - 1)).long()
    return torch.where(distance_L <= near, distance_L, far_bucket_L)


def skew(columns_NRC: Tensor) -> Tensor:
    """View ``x[n, i, j - i + R - 1]`` as ``y[n, i, j]``: ``(N, R, L + R)`` to ``(N, R, L)``.

    Only for tensors that start at offset 0 of their storage. The last column is in no row's view.
    """
    count, rows, width = columns_NRC.shape
    strides = (rows * width, width - 1, 1)
    return columns_NRC.as_strided((count, rows, width - rows), strides, storage_offset=rows - 1)


def keep_mask(like: Tensor, p: float) -> Tensor:
    """A mask with the shape of `like`: 1 with probability ``1 - p``, else 0.

    On a CPU the mask is int16. Each element takes 16 random bits from a generator that is faster
    than torch's and seeded from it, which is six to nine times as fast as `bernoulli_`. The price
    is that `p` is rounded to a multiple of 2^-16: 0.1 becomes 0.100006. On other devices the mask
    has the dtype of `like`.
    """
    if like.device.type != "cpu" or torch.compiler.is_compiling():
        return torch.empty_like(like).bernoulli_(1 - p)
    seed: Any = _TorchSeed()  # the type stub requires a `SeedSequence`, which is 5 times slower
    words = np.random.SFC64(seed).random_raw(-(-like.numel() // 4))
    bits = torch.from_numpy(words.view(np.int16))[: like.numel()].view(like.shape)
    return bits.ge_(round(p * 2**16) - 2**15)


class _TorchSeed(ISeedSequence):
    """Seeds a NumPy generator from torch's, in the 64-bit words that SFC64 requests."""

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> Any:
        return torch.randint(-(2**63), 2**63 - 1, (n_words,)).numpy().view(dtype)


def attend(
    query_BLHE: Tensor,
    key_BLHE: Tensor,
    value_BLHE: Tensor,
    pos_key_KHE: Tensor | None,
    pos_query_KHE: Tensor | None,
    padding_B1L: Tensor | None,
    scale: float,
    p: float,
) -> Tensor:
    """Disentangled attention of queries, keys and values to a context ``(B, L, H, E)``.

    Args:
        pos_key_KHE: for c2p, distances ``L - 1`` down to ``1 - L``; None omits the term.
        pos_query_KHE: for p2c, distances ``1 - L`` up to ``L - 1``; None omits the term.
        padding_B1L: true at keys that must not be attended to.
        scale: factor of the sum of the products.
        p: dropout probability of the attention probabilities.
    """
    # 2L columns are a third faster than the 2L - 1 that there are.
    pos_key_CHE, pos_query_CHE = (
        None if x is None else F.pad(x, (0, 0, 0, 0, 0, 1)) for x in (pos_key_KHE, pos_query_KHE)
    )
    args = (query_BLHE, key_BLHE, value_BLHE, pos_key_CHE, pos_query_CHE, padding_B1L, scale, p)
    with torch.autocast(query_BLHE.device.type, enabled=False):
        context_BLHE: Tensor = _Attention.apply(*args)  # type: ignore[no-untyped-call]
        return context_BLHE


def _head_blocks(query_BLHE: Tensor) -> list[slice]:
    """Blocks of heads to process at a time: what fits in a CPU's cache; all on other devices."""
    batch, length, heads, _ = query_BLHE.shape
    step = heads
    if query_BLHE.device.type == "cpu":
        step = max(1, CACHED_COLUMNS // (batch * length * (2 * length - 1)))
    return [slice(first, min(first + step, heads)) for first in range(0, heads, step)]


def _row_blocks(content_NLE: Tensor) -> list[tuple[slice, slice]]:
    """Blocks of rows of position scores to compute at a time, each with its columns.

    All rows are one block on other devices and in compiled code, which would grow.
    """
    length = content_NLE.size(1)
    eager = content_NLE.device.type == "cpu" and not torch.compiler.is_compiling()
    step = ROWS if eager else length
    ends = [(first, min(first + step, length)) for first in range(0, length, step)]
    return [(slice(a, b), slice(length - b, 2 * length - a)) for a, b in ends]


def _heads_first(x_BLHE: Tensor) -> Tensor:
    """``(H, X, E)``, contiguous."""
    return x_BLHE.permute(2, 0, 1, 3).contiguous().flatten(1, 2)


class _Attention(torch.autograd.Function):
    """`attend` with a hand-written backward, with few passes over L x L and L x K tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        query_BLHE: Tensor,
        key_BLHE: Tensor,
        value_BLHE: Tensor,
        pos_key_CHE: Tensor | None,
        pos_query_CHE: Tensor | None,
        padding_B1L: Tensor | None,
        scale: float,
        p: float,
    ) -> Tensor:
        batch, length, heads, size = query_BLHE.shape
        all_heads = [_heads_first(x) for x in (query_BLHE, key_BLHE, value_BLHE)]
        context_HXE = torch.empty_like(all_heads[0])
        probs_of_blocks = []
        for block in _head_blocks(query_BLHE):
            query, key, value = (x[block].view(-1, length, size) for x in all_heads)
            scores = query.new_zeros(len(query), length, length)
            if pos_key_CHE is not None:
                _add_scores(scores, query, pos_key_CHE[:, block])
            if pos_query_CHE is not None:
                _add_scores(scores.mT, key, pos_query_CHE[:, block])
            scores.baddbmm_(query, key.mT, beta=scale, alpha=scale)
            if padding_B1L is not None:
                lowest = torch.finfo(scores.dtype).min
                scores.view(-1, batch, length, length).masked_fill_(padding_B1L, lowest)
            probs = torch.softmax(scores, -1)
            if p > 0:  # the sign stores the dropout mask: dropped probabilities are negative
                probs.copysign_(keep_mask(probs, p).sub_(1))
            context = context_HXE[block].view(-1, length, size)
            _scaled_bmm(probs.relu() if p > 0 else probs, value, 1 / (1 - p), context)
            probs_of_blocks.append(probs)
        ctx.save_for_backward(*all_heads, pos_key_CHE, pos_query_CHE, *probs_of_blocks)
        ctx.scale, ctx.p = scale, p
        return context_HXE.view(heads, batch, length, size).permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BLHE: Tensor) -> tuple[Tensor | None, ...]:
        # Read only once: activation checkpointing does not allow a second read.
        saved = ctx.saved_tensors
        *all_heads, pos_key_CHE, pos_query_CHE = saved[:5]
        batch, length, heads, size = grad_BLHE.shape
        grad_HXE = _heads_first(grad_BLHE)
        d_all_heads = [torch.empty_like(x) for x in all_heads]
        d_pos_key, d_pos_query = (
            None if x is None else torch.zeros_like(x) for x in (pos_key_CHE, pos_query_CHE)
        )
        for block, probs in zip(_head_blocks(grad_BLHE), saved[5:], strict=True):
            query, key, value, grad = (
                x[block].view(-1, length, size) for x in (*all_heads, grad_HXE)
            )
            d_query, d_key, d_value = (x[block].view(-1, length, size) for x in d_all_heads)
            used = probs.relu() if ctx.p > 0 else probs
            _scaled_bmm(used.mT, grad, 1 / (1 - ctx.p), d_value)
            d_probs = _scaled_bmm(grad, value.mT, ctx.scale / (1 - ctx.p), torch.empty_like(probs))
            if ctx.p > 0:
                d_probs = torch.ops.aten.threshold_backward(d_probs, probs, 0)
                probs = probs.abs()
            d_scores = torch._softmax_backward_data(d_probs, probs, -1, probs.dtype)
            torch.bmm(d_scores, key, out=d_query)
            torch.bmm(d_scores.mT, query, out=d_key)
            if d_pos_key is not None:
                position, d_position = pos_key_CHE[:, block], d_pos_key[:, block]
                _score_backward(d_scores, query, position, d_query, d_position)
            if d_pos_query is not None:
                position, d_position = pos_query_CHE[:, block], d_pos_query[:, block]
                _score_backward(d_scores.mT, key, position, d_key, d_position)
        d_inputs = (x.view(heads, batch, length, size).permute(1, 2, 0, 3) for x in d_all_heads)
        return *d_inputs, d_pos_key, d_pos_query, None, None, None


def _add_scores(scores_NLL: Tensor, content_NLE: Tensor, position_CHE: Tensor) -> None:
    """Adds the products of each content vector with the position vectors of its head."""
    heads, size = position_CHE.shape[1:]
    for rows, columns in _row_blocks(content_NLE):
        content_HXE = content_NLE[:, rows].reshape(heads, -1, size)
        columns_HXC = torch.bmm(content_HXE, position_CHE[columns].permute(1, 2, 0))
        scores_NRL = scores_NLL[:, rows]
        scores_NRL += skew(columns_HXC.view(*scores_NRL.shape[:2], -1))


def _score_backward(
    d_scores_NLL: Tensor,
    content_NLE: Tensor,
    position_CHE: Tensor,
    d_content_NLE: Tensor,
    d_position_CHE: Tensor,
) -> None:
    """Of `_add_scores`: adds to the gradients of the content and the position vectors."""
    heads, size = position_CHE.shape[1:]
    blocks = _row_blocks(content_NLE)
    for rows, columns in blocks:
        d_scores_NRL, d_content_NRE = d_scores_NLL[:, rows], d_content_NLE[:, rows]
        count, height, length = d_scores_NRL.shape
        d_columns_NRC = d_scores_NRL.new_zeros(count, height, height + length)
        skew(d_columns_NRC).copy_(d_scores_NRL)
        d_columns_HXC = d_columns_NRC.view(heads, -1, height + length)
        content_HXE = content_NLE[:, rows].reshape(heads, -1, size)
        d_position_CHE[columns].transpose(0, 1).baddbmm_(d_columns_HXC.mT, content_HXE)
        d_content_HXE = d_content_NRE.reshape(heads, -1, size)  # a view of all rows, mostly a copy
        d_content_HXE.baddbmm_(d_columns_HXC, position_CHE[columns].transpose(0, 1))
        if len(blocks) > 1 and d_content_HXE.data_ptr() != d_content_NRE.data_ptr():
            d_content_NRE.copy_(d_content_HXE.view_as(d_content_NRE))


def _scaled_bmm(a: Tensor, b: Tensor, scale: float, out: Tensor) -> Tensor:
    """``scale * (a @ b)``, without a separate pass for the factor."""
    return torch.baddbmm(out, a, b, beta=0, alpha=scale, out=out)

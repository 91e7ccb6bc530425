"""Disentangled relative attention: the arithmetic, without parameters.

The score of query position i for key position j is the sum of up to three products (He et al. 2021,
"DeBERTa", equation 4), divided by the root of their number times the head size::

    s[i, j]  ~  q[i].k[j]  +  q[i].pos_key[i - j]  +  k[j].pos_query[i - j]
                content       c2p                     p2c

Only the ``K = 2L - 1`` distances that occur in a sequence are scored, one column each and in order:
column ``j - i + L - 1`` for c2p and ``i - j + L - 1`` for p2c. So the wanted scores are a strided
view of the scored ones (`skew`): nothing is gathered on the way in or scattered on the way back,
and the position vectors are never repeated over the batch.

Shapes: B batch, L length, H heads, E head size, K distances, N heads times batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CACHED_COLUMNS = 2**19  # scored columns that a CPU keeps in its cache at a time: 2 MB of float32


def bucket(distance_L: Tensor, buckets: int, max_distance: int) -> Tensor:
    """Bucket of each distance >= 0; the bucket of ``-d`` is the negative of the one of ``d``.

    Up to half the buckets a distance is its own bucket; further ones share buckets on a logarithmic
    scale that ends at `max_distance`. ``buckets < 1``: every distance is its own. The logarithm is
    float32, as in the original: its rounding decides where a distance at an edge falls.
    """
    if buckets < 1:
        return distance_L
    near = buckets // 2
    far_L = distance_L.clamp(min=near - 1).float() / near
    span = torch.log(torch.tensor((max_distance - 1) / near))
    far_bucket_L = near + torch.ceil(torch.log(far_L) / span * (near - 1)).long()
    return torch.where(distance_L <= near, distance_L, far_bucket_L)


def skew(columns_NLK: Tensor) -> Tensor:
    """View ``x[n, i, j - i + L - 1]`` as ``y[n, i, j]``: ``(N, L, 2L - 1)`` to ``(N, L, L)``."""
    count, length, width = columns_NLK.shape
    start = columns_NLK.storage_offset() + length - 1
    return columns_NLK.as_strided((count, length, length), (length * width, width - 1, 1), start)


def keep_mask(like: Tensor, p: float, out: Tensor | None = None) -> Tensor:
    """Ones with probability ``1 - p`` and zeros, of the shape and type of `like`.

    On a CPU 16 random bits decide each (`p` is rounded to a multiple of 2^-16): six times as fast
    as `bernoulli_`, which would take a tenth of a training step.
    """
    out = torch.empty_like(like) if out is None else out
    if like.device.type != "cpu":
        return out.bernoulli_(1 - p)
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: like.numel()].view(like.shape)
    return torch.ge(bits, round(p * 2**16) - 2**15, out=out)


def attend(
    qkv_3HBLE: Tensor,
    pos_key_HKE: Tensor | None,
    pos_query_HKE: Tensor | None,
    padding_B1L: Tensor | None,
    scale: float,
    p: float,
) -> Tensor:
    """Disentangled attention of queries, keys and values to a context ``(H, B, L, E)``.

    Args:
        pos_key_HKE: for c2p, distances ``L - 1`` down to ``1 - L``; None leaves the term out.
        pos_query_HKE: for p2c, distances ``1 - L`` up to ``L - 1``; None leaves the term out.
        padding_B1L: true where a key is not to be attended to.
        scale: factor of the sum of the products.
        p: dropout on the attention probabilities.
    """
    with torch.autocast(qkv_3HBLE.device.type, enabled=False):
        args = (qkv_3HBLE, pos_key_HKE, pos_query_HKE, padding_B1L, scale, p)
        context_HBLE: Tensor = _Attention.apply(*args)
        return context_HBLE


def _passes(qkv_3HBLE: Tensor) -> list[slice]:
    """Heads to work on at a time: on a CPU as many as its cache holds, else all."""
    _, heads, batch, length, _ = qkv_3HBLE.shape
    step = heads
    if qkv_3HBLE.device.type == "cpu":
        step = min(heads, max(1, CACHED_COLUMNS // (batch * length * (2 * length - 1))))
    return [slice(first, first + step) for first in range(0, heads, step)]


class _Attention(torch.autograd.Function):
    """Backward by hand, so that each product is written where it is wanted, head after head."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        pos_key: Tensor | None,
        pos_query: Tensor | None,
        padding_B1L: Tensor | None,
        scale: float,
        p: float,
    ) -> Tensor:
        _, heads, batch, length, size = qkv.shape
        context = torch.empty_like(qkv[0])
        probs = qkv.new_empty(heads, batch, length, length)
        keep = torch.empty_like(probs) if p > 0 else None
        for part in _passes(qkv):
            query_NLE, key_NLE, value_NLE = qkv[:, part].flatten(1, 2)
            scores_NLL = _position_scores(qkv[:, part], pos_key, pos_query, part)
            scores_NLL.baddbmm_(query_NLE, key_NLE.mT, beta=scale, alpha=scale)
            if padding_B1L is not None:
                lowest = torch.finfo(scores_NLL.dtype).min
                scores_NLL.view_as(probs[part]).masked_fill_(padding_B1L, lowest)
            probs_NLL, context_NLE = probs[part].flatten(0, 1), context[part].flatten(0, 1)
            torch.softmax(scores_NLL, -1, out=probs_NLL)
            if keep is not None:
                probs_NLL = probs_NLL * keep_mask(probs_NLL, p, out=keep[part].flatten(0, 1))
            _product(context_NLE, probs_NLL, value_NLE, 1 / (1 - p))
        ctx.save_for_backward(qkv, pos_key, pos_query, probs, keep)
        ctx.scale, ctx.p = scale, p
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_HBLE: Tensor) -> tuple[Tensor | None, ...]:
        qkv, pos_key, pos_query, probs, keep = ctx.saved_tensors
        _, _, _, length, size = qkv.shape
        d_qkv = torch.empty_like(qkv)
        d_pos_key = None if pos_key is None else torch.empty_like(pos_key)
        d_pos_query = None if pos_query is None else torch.empty_like(pos_query)
        columns: Tensor | None = None
        for part in _passes(qkv):
            query_NLE, key_NLE, value_NLE = qkv[:, part].flatten(1, 2)
            d_query_NLE, d_key_NLE, d_value_NLE = d_qkv[:, part].flatten(1, 2)
            d_context_NLE = grad_HBLE[part].reshape(-1, length, size)
            probs_NLL = probs[part].flatten(0, 1)
            d_scores_NLL = torch.empty_like(probs_NLL)

"""Disentangled relative attention: the arithmetic, without parameters.

The score of query position i for key position j is the sum of up to three products (He et al. 2021,
"DeBERTa", equation 4), divided by the root of their number times the head size::

    s[i, j]  ~  q[i].k[j]  +  q[i].pos_key[i - j]  +  k[j].pos_query[i - j]
                content       c2p                     p2c

Only the ``K = 2L - 1`` distances that occur in a sequence are scored, one column each and in order:
column ``j - i + L - 1`` for c2p and ``i - j + L - 1`` for p2c. So the wanted scores are a strided
view of the scored ones (`skew`): nothing is gathered on the way in or scattered on the way back,
and the position vectors are never repeated over the batch.

Shapes: B batch, L length, H heads, E head size, K distances, N heads times batch (head first).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CACHED_COLUMNS = 2**19  # columns (position scores) worked on at a time: 2 MB fit a CPU's cache


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
    """View ``x[n, i, j - i + L - 1]`` as ``y[n, i, j]``: ``(N, L, 2L - 1)`` to ``(N, L, L)``.

    For tensors that fill their own storage.
    """
    count, length, width = columns_NLK.shape
    strides = (length * width, width - 1, 1)
    return columns_NLK.as_strided((count, length, length), strides, storage_offset=length - 1)


def keep_mask(like: Tensor, p: float) -> Tensor:
    """Ones with probability ``1 - p`` and zeros, of the shape and type of `like`.

    On a CPU 16 random bits decide each, four to five times as fast as `bernoulli_`. The price is
    that `p` is rounded to a multiple of 2^-16: 0.1 becomes 0.100006.
    """
    mask = torch.empty_like(like)
    if like.device.type != "cpu":
        return mask.bernoulli_(1 - p)
    words = torch.randint(-(2**63), 2**63 - 1, (-(-like.numel() // 4),))
    bits = words.view(torch.int16)[: like.numel()].view(like.shape)
    return torch.ge(bits, round(p * 2**16) - 2**15, out=mask)


def attend(
    qkv_BL3HE: Tensor,
    pos_key_KHE: Tensor | None,
    pos_query_KHE: Tensor | None,
    padding_B1L: Tensor | None,
    scale: float,
    p: float,
) -> Tensor:
    """Disentangled attention of queries, keys and values to a context ``(B, L, H, E)``.

    Args:
        pos_key_KHE: for c2p, distances ``L - 1`` down to ``1 - L``; None leaves the term out.
        pos_query_KHE: for p2c, distances ``1 - L`` up to ``L - 1``; None leaves the term out.
        padding_B1L: true where a key is not to be attended to.
        scale: factor of the sum of the products.
        p: dropout on the attention probabilities.
    """
    batch, length, _, heads, _ = qkv_BL3HE.shape
    step = heads
    if qkv_BL3HE.device.type == "cpu":
        step = max(1, CACHED_COLUMNS // (batch * length * (2 * length - 1)))
    context_BLHE = []
    with torch.autocast(qkv_BL3HE.device.type, enabled=False):
        for part in zip(
            torch.split(qkv_BL3HE, step, dim=3),
            _split(pos_key_KHE, step),
            _split(pos_query_KHE, step),
            strict=False,
        ):
            args = (*part, padding_B1L, scale, p)
            context_BLHE.append(_Attention.apply(*args))  # type: ignore[no-untyped-call]
        return torch.cat(context_BLHE, dim=2)


def _split(x_KHE: Tensor | None, step: int) -> Iterable[Tensor | None]:
    return repeat(None) if x_KHE is None else torch.split(x_KHE, step, dim=1)


class _Attention(torch.autograd.Function):
    """`attend` for some heads, its backward by hand: few passes over what is L x L or L x K."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv_BL3HE: Tensor,
        pos_key_KHE: Tensor | None,
        pos_query_KHE: Tensor | None,
        padding_B1L: Tensor | None,
        scale: float,
        p: float,
    ) -> Tensor:
        batch, length, _, heads, size = qkv_BL3HE.shape
        qkv = qkv_BL3HE.permute(2, 3, 0, 1, 4).contiguous()
        query, key, value = qkv.view(3, heads * batch, length, size)
        terms = []
        if pos_key_KHE is not None:
            terms.append(skew(_score(qkv[0], pos_key_KHE)))
        if pos_query_KHE is not None:
            terms.append(skew(_score(qkv[1], pos_query_KHE)).mT)
        scores = terms[0] + terms[1] if len(terms) == 2 else terms[0].contiguous()
        scores.baddbmm_(query, key.mT, beta=scale, alpha=scale)
        if padding_B1L is not None:
            lowest = torch.finfo(scores.dtype).min
            scores.view(heads, batch, length, length).masked_fill_(padding_B1L, lowest)
        probs = torch.softmax(scores, -1)
        keep = keep_mask(probs, p) if p > 0 else None
        context = _scaled_bmm(probs if keep is None else probs * keep, value, 1 / (1 - p))
        ctx.save_for_backward(qkv, pos_key_KHE, pos_query_KHE, probs, keep)
        ctx.scale, ctx.p = scale, p
        return context.view(heads, batch, length, size).permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BLHE: Tensor) -> tuple[Tensor | None, ...]:
        qkv, pos_key_KHE, pos_query_KHE, probs, keep = ctx.saved_tensors
        _, heads, batch, length, size = qkv.shape
        query, key, value = qkv.view(3, heads * batch, length, size)
        d_qkv = torch.empty_like(qkv)
        d_query, d_key, d_value = d_qkv.view(3, heads * batch, length, size)
        grad = grad_BLHE.permute(2, 0, 1, 3).reshape(heads * batch, length, size)
        used = probs if keep is None else probs * keep
        torch.baddbmm(d_value, used.mT, grad, beta=0, alpha=1 / (1 - ctx.p), out=d_value)
        d_probs = _scaled_bmm(grad, value.mT, ctx.scale / (1 - ctx.p))
        if keep is not None:
            d_probs *= keep
        d_scores = torch._softmax_backward_data(d_probs, probs, -1, probs.dtype)
        torch.bmm(d_scores, key, out=d_query)
        torch.bmm(d_scores.mT, query, out=d_key)
        d_pos_key = d_pos_query = None
        if pos_key_KHE is not None:
            d_pos_key = _score_backward(d_scores, qkv[0], pos_key_KHE, d_query)
        if pos_query_KHE is not None:
            d_pos_query = _score_backward(d_scores.mT, qkv[1], pos_query_KHE, d_key)
        return d_qkv.permute(2, 3, 0, 1, 4), d_pos_key, d_pos_query, None, None, None


def _score(content_HBLE: Tensor, position_KHE: Tensor) -> Tensor:
    """Every content vector times the position vectors of its head: ``(N, L, K)``."""
    heads, batch, length, size = content_HBLE.shape
    content = content_HBLE.view(heads, batch * length, size)
    return torch.bmm(content, position_KHE.permute(1, 2, 0)).view(heads * batch, length, -1)


def _score_backward(
    d_skewed_NLL: Tensor, content_HBLE: Tensor, position_KHE: Tensor, d_content_NLE: Tensor
) -> Tensor:
    """Adds the gradient of `_score`'s content to `d_content_NLE`, returns that of the positions."""
    heads, batch, length, size = content_HBLE.shape
    columns = d_skewed_NLL.new_zeros(heads * batch, length, 2 * length - 1)
    skew(columns).copy_(d_skewed_NLL)
    columns = columns.view(heads, batch * length, -1)
    d_content_NLE.view(heads, batch * length, size).baddbmm_(columns, position_KHE.transpose(0, 1))
    return torch.bmm(columns.mT, content_HBLE.view(heads, -1, size)).transpose(0, 1)


def _scaled_bmm(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """``scale * (a @ b)`` without a pass for the factor."""
    out = a.new_empty(a.size(0), a.size(1), b.size(2))
    return torch.baddbmm(out, a, b, beta=0, alpha=scale)

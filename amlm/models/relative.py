"""Disentangled relative attention: the arithmetic, without parameters.

The score of query position i for key position j is the sum of up to three products (He et al. 2021,
"DeBERTa", equation 4), divided by the root of their number times the head size::

    s[i, j]  ~  q[i].k[j]  +  q[i].pos_key[i - j]  +  k[j].pos_query[i - j]
                content       c2p                     p2c

Only the ``K = 2L - 1`` distances that occur in a sequence are scored, in order, one column each:
column ``j - i + L - 1`` for c2p and ``i - j + L - 1`` for p2c. So the wanted scores are a strided
view of the scored ones (`skew`): nothing is gathered on the way in or scattered on the way back.

Shapes: B batch, L length, H heads, E head size, D hidden, K distances, T terms (those used of c2p
and p2c, in this order), R rows of the table of relative embeddings, N = H * B.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TERMS = ("c2p", "p2c")


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
    n, length, width = columns_NLK.shape
    offset = columns_NLK.storage_offset() + length - 1
    return columns_NLK.as_strided((n, length, length), (length * width, width - 1, 1), offset)


def keep_mask(like: Tensor, p: float) -> Tensor:
    """Ones with probability ``1 - p`` and zeros, of the shape and type of `like`.

    On a CPU 16 random bits decide (`p` is rounded to a multiple of 2^-16): seven times as fast as
    `bernoulli_`, which would take a tenth of a training step.
    """
    if like.device.type != "cpu":
        return torch.empty_like(like).bernoulli_(1 - p)
    count = like.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[:count].view(like.shape)
    return torch.ge(bits, round(p * 2**16) - 2**15, out=torch.empty_like(like))


def dropout(x: Tensor, p: float) -> Tensor:
    """Dropout with cheap random bits; `p` is 0 outside training."""
    return x * (keep_mask(x, p) / (1 - p)) if p > 0 else x


class _Attention(torch.autograd.Function):
    """`attend` with its backward by hand: every product lands where it is needed."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv_3HBLE: Tensor,
        positions_THKE: Tensor,
        hidden_B1L: Tensor | None,
        terms: tuple[str, ...],
        scale: float,
        p: float,
    ) -> Tensor:
        _, heads, batch, length, size = qkv_3HBLE.shape
        query, key, value = qkv_3HBLE.view(3, heads * batch, length, size)
        content = qkv_3HBLE[_sources(terms)].view(-1, batch * length, size)
        columns = torch.bmm(content, positions_THKE.flatten(0, 1).mT)
        columns_TNLK = columns.view(len(terms), heads * batch, length, -1)
        views = [
            skew(columns_NLK) if term == "c2p" else skew(columns_NLK).mT
            for term, columns_NLK in zip(terms, columns_TNLK, strict=True)
        ]
        scores = views[0] + views[1] if len(views) == 2 else views[0].contiguous()
        scores.baddbmm_(query, key.mT, beta=scale, alpha=scale)
        if hidden_B1L is not None:
            scores.view(heads, batch, length, length).masked_fill_(
                hidden_B1L, torch.finfo(scores.dtype).min
            )
        probs_NLL = torch.softmax(scores, -1)
        keep_NLL = keep_mask(probs_NLL, p) if p > 0 else None
        used_NLL = probs_NLL if keep_NLL is None else probs_NLL * keep_NLL
        out_NLE = torch.empty_like(query)
        torch.baddbmm(out_NLE, used_NLL, value, beta=0, alpha=1 / (1 - p), out=out_NLE)
        ctx.save_for_backward(qkv_3HBLE, positions_THKE, probs_NLL, keep_NLL)
        ctx.terms, ctx.p, ctx.scale = terms, p, scale
        return out_NLE.view(heads, batch, length, size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_HBLE: Tensor) -> tuple[Tensor | None, ...]:
        qkv, positions, probs, keep = ctx.saved_tensors
        _, heads, batch, length, size = qkv.shape
        query, key, value = qkv.view(3, heads * batch, length, size)
        grad = grad_HBLE.reshape(heads * batch, length, size)
        grad_qkv = torch.empty_like(qkv)
        grad_query, grad_key, grad_value = grad_qkv.view(3, heads * batch, length, size)
        used = probs if keep is None else probs * keep
        torch.baddbmm(grad_value, used.mT, grad, beta=0, alpha=1 / (1 - ctx.p), out=grad_value)
        dp = torch.empty_like(probs)
        torch.baddbmm(dp, grad, value.mT, beta=0, alpha=ctx.scale / (1 - ctx.p), out=dp)
        if keep is not None:
            dp *= keep
        ds = torch._softmax_backward_data(dp, probs, -1, probs.dtype)
        torch.bmm(ds, key, out=grad_query)
        torch.bmm(ds.mT, query, out=grad_key)
        columns = ds.new_zeros(len(ctx.terms), heads * batch, length, 2 * length - 1)
        for term, column in zip(ctx.terms, columns, strict=True):
            skew(column).copy_(ds if term == "c2p" else ds.mT)
        columns = columns.view(-1, batch * length, 2 * length - 1)
        source = _sources(ctx.terms)
        content = qkv[source].view(-1, batch * length, size)
        grad_qkv[source].view(-1, batch * length, size).baddbmm_(columns, positions.flatten(0, 1))
        grad_positions = torch.bmm(columns.mT, content).view_as(positions)
        return grad_qkv, grad_positions, None, None, None, None


def _sources(terms: tuple[str, ...]) -> slice:
    """Which of (query, key) the terms multiply: c2p the query, p2c the key."""
    return slice(0 if "c2p" in terms else 1, 2 if "p2c" in terms else 1)


def attend(
    qkv_3HBLE: Tensor,
    positions_THKE: Tensor,
    hidden_B1L: Tensor | None,
    terms: tuple[str, ...],
    scale: float,
    p: float,
) -> Tensor:
    """Context ``(H, B, L, E)`` of disentangled attention with dropout `p` on the probabilities."""
    with torch.autocast(qkv_3HBLE.device.type, enabled=False):
        return _Attention.apply(qkv_3HBLE, positions_THKE, hidden_B1L, terms, scale, p)

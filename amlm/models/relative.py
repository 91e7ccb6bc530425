"""Disentangled relative attention: the arithmetic, without parameters.

The score of query position i for key position j is the sum of up to three products (He et al. 2021,
"DeBERTa", equation 4), divided by the root of their number times the head size::

    s[i, j]  ~  q[i].k[j]  +  q[i].pos_key[i - j]  +  k[j].pos_query[i - j]
                content       c2p                     p2c

Only the ``K = 2L - 1`` distances that occur in a sequence are scored, one column each and in order:
column ``j - i + L - 1`` for c2p and ``i - j + L - 1`` for p2c. So the wanted scores are a strided
view of the scored ones (`skew`): nothing is gathered on the way in or scattered on the way back,
and the position vectors are never repeated over the batch.

Shapes: B batch, L length, H heads, E head size, K distances, N heads times batch (head first),
X sequences laid end to end.
"""

from __future__ import annotations

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
        pos_key_KHE: for c2p, distances ``L - 1`` down to ``1 - L``; None leaves the term out.
        pos_query_KHE: for p2c, distances ``1 - L`` up to ``L - 1``; None leaves the term out.
        padding_B1L: true where a key is not to be attended to.
        scale: factor of the sum of the products.
        p: dropout on the attention probabilities.
    """
    args = (query_BLHE, key_BLHE, value_BLHE, pos_key_KHE, pos_query_KHE, padding_B1L, scale, p)
    with torch.autocast(query_BLHE.device.type, enabled=False):
        context_BLHE: Tensor = _Attention.apply(*args)  # type: ignore[no-untyped-call]
        return context_BLHE


def _parts(query_BLHE: Tensor) -> list[slice]:
    """Heads worked on at a time: few enough for a CPU's cache, all of them elsewhere."""
    batch, length, heads, _ = query_BLHE.shape
    step = heads
    if query_BLHE.device.type == "cpu":
        step = max(1, CACHED_COLUMNS // (batch * length * (2 * length - 1)))
    return [slice(first, min(first + step, heads)) for first in range(0, heads, step)]


def _heads_first(x_BLHE: Tensor) -> Tensor:
    """``(H, B * L, E)``."""
    return x_BLHE.permute(2, 0, 1, 3).contiguous().flatten(1, 2)


class _Attention(torch.autograd.Function):
    """`attend` with its backward by hand: few passes over what is L x L or L x K."""

    @staticmethod
    def forward(
        ctx: Any,
        query_BLHE: Tensor,
        key_BLHE: Tensor,
        value_BLHE: Tensor,
        pos_key_KHE: Tensor | None,
        pos_query_KHE: Tensor | None,
        padding_B1L: Tensor | None,
        scale: float,
        p: float,
    ) -> Tensor:
        batch, length, _, size = query_BLHE.shape
        context_BLHE = torch.empty_like(query_BLHE)
        saved = []
        for part in _parts(query_BLHE):
            flat = [_heads_first(x[:, :, part]) for x in (query_BLHE, key_BLHE, value_BLHE)]
            query, key, value = (x.view(-1, length, size) for x in flat)
            terms = []
            if pos_key_KHE is not None:
                terms.append(skew(_score(flat[0], pos_key_KHE[:, part], length)))
            if pos_query_KHE is not None:
                terms.append(skew(_score(flat[1], pos_query_KHE[:, part], length)).mT)
            scores = terms[0] + terms[1] if len(terms) == 2 else terms[0].contiguous()
            scores.baddbmm_(query, key.mT, beta=scale, alpha=scale)
            if padding_B1L is not None:
                lowest = torch.finfo(scores.dtype).min
                scores.view(-1, batch, length, length).masked_fill_(padding_B1L, lowest)
            probs = torch.softmax(scores, -1)
            keep = keep_mask(probs, p) if p > 0 else None
            context = _scaled_bmm(probs if keep is None else probs * keep, value, 1 / (1 - p))
            context_BLHE[:, :, part] = context.view(-1, batch, length, size).permute(1, 2, 0, 3)
            saved += [*flat, probs, keep]
        ctx.save_for_backward(pos_key_KHE, pos_query_KHE, *saved)
        ctx.scale, ctx.p = scale, p
        return context_BLHE

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BLHE: Tensor) -> tuple[Tensor | None, ...]:
        pos_key_KHE, pos_query_KHE, *saved = ctx.saved_tensors
        batch, length, _, size = grad_BLHE.shape
        d_inputs = [torch.empty_like(grad_BLHE) for _ in range(3)]
        d_pos_key, d_pos_query = (
            None if x is None else torch.empty_like(x) for x in (pos_key_KHE, pos_query_KHE)
        )
        for number, part in enumerate(_parts(grad_BLHE)):
            *flat, probs, keep = saved[5 * number : 5 * number + 5]
            d_flat = [torch.empty_like(x) for x in flat]
            query, key, value = (x.view(-1, length, size) for x in flat)
            d_query, d_key, d_value = (x.view(-1, length, size) for x in d_flat)
            grad = _heads_first(grad_BLHE[:, :, part]).view(-1, length, size)
            used = probs if keep is None else probs * keep
            torch.baddbmm(d_value, used.mT, grad, beta=0, alpha=1 / (1 - ctx.p), out=d_value)
            d_probs = _scaled_bmm(grad, value.mT, ctx.scale / (1 - ctx.p))
            if keep is not None:
                d_probs *= keep
            d_scores = torch._softmax_backward_data(d_probs, probs, -1, probs.dtype)
            torch.bmm(d_scores, key, out=d_query)
            torch.bmm(d_scores.mT, query, out=d_key)
            if d_pos_key is not None:
                d_pos_key[:, part] = _score_backward(
                    d_scores, flat[0], pos_key_KHE[:, part], d_flat[0]
                )
            if d_pos_query is not None:
                d_pos_query[:, part] = _score_backward(
                    d_scores.mT, flat[1], pos_query_KHE[:, part], d_flat[1]
                )
            for d_input, x in zip(d_inputs, d_flat, strict=True):
                d_input[:, :, part] = x.view(-1, batch, length, size).permute(1, 2, 0, 3)
        return *d_inputs, d_pos_key, d_pos_query, None, None, None


def _score(content_HXE: Tensor, position_KHE: Tensor, length: int) -> Tensor:
    """Every content vector times the position vectors of its head: ``(N, L, K)``."""
    columns_HXK = torch.bmm(content_HXE, position_KHE.permute(1, 2, 0))
    return columns_HXK.view(-1, length, columns_HXK.size(2))


def _score_backward(
    d_skewed_NLL: Tensor, content_HXE: Tensor, position_KHE: Tensor, d_content_HXE: Tensor
) -> Tensor:
    """Adds the gradient of `_score`'s content to `d_content_HXE`, returns that of the positions."""
    count, length, _ = d_skewed_NLL.shape
    columns = d_skewed_NLL.new_zeros(count, length, 2 * length - 1)
    skew(columns).copy_(d_skewed_NLL)
    columns_HXK = columns.view(*content_HXE.shape[:2], -1)
    d_content_HXE.baddbmm_(columns_HXK, position_KHE.transpose(0, 1))
    return torch.bmm(columns_HXK.mT, content_HXE).transpose(0, 1)


def _scaled_bmm(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """``scale * (a @ b)`` without a pass for the factor."""
    out = a.new_empty(a.size(0), a.size(1), b.size(2))
    return torch.baddbmm(out, a, b, beta=0, alpha=scale)

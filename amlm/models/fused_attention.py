"""`attend` with Triton kernels: one pass instead of a dozen over matrices of L x L scores.

The two products with position vectors remain products of torch; the kernels gather from them. On a
CPU the kernels run only under Triton's interpreter (``TRITON_INTERPRET=1``), as a check. Shapes: as
in `amlm.models.relative` and `amlm.models.attention_kernels`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import triton
from torch import Tensor

from amlm.models import attention_kernels as kernels

# With position terms, Triton 3.6 compiles a bfloat16 tile of 16 into wrong dropout masks (H200).
SMALLEST_TILE = 32
SMALLEST_SIZE = 16  # of a product's inner dimension
LARGEST_TILE = {torch.bfloat16: 64, torch.float16: 64, torch.float32: 32}


def attend_fused(
    query_BLHE: Tensor,
    key_BLHE: Tensor,
    value_BLHE: Tensor,
    pos_key_KHE: Tensor | None,
    pos_query_KHE: Tensor | None,
    padding_B1L: Tensor | None,
    scale: float,
    p: float,
) -> Tensor:
    """Arguments and result of `amlm.models.relative.attend`, with other dropout masks.

    A sequence of padding only has a context of zeros.
    """
    with torch.autocast(query_BLHE.device.type, enabled=False):
        # On the device, so that drawing it needs no synchronisation and a CUDA graph can repeat it.
        seed = torch.randint(2**62, (1,), device=query_BLHE.device) if p > 0 else None
        context_BLHE: Tensor
        context_BLHE, _ = torch.ops.amlm.attention(
            query_BLHE.contiguous(),
            key_BLHE.contiguous(),
            value_BLHE.contiguous(),
            None if pos_key_KHE is None else _columns(query_BLHE, pos_key_KHE),
            None if pos_query_KHE is None else _columns(key_BLHE, pos_query_KHE),
            padding_B1L,
            seed,
            scale,
            p,
        )
        return context_BLHE


def _columns(content_BLHE: Tensor, position_KHE: Tensor) -> Tensor:
    """Products of each content vector with the position vectors of its head, and a zero column:
    ``(H, B * L, 2L)``."""
    position_HEK = F.pad(position_KHE, (0, 0, 0, 0, 0, 1)).permute(1, 2, 0)
    return torch.bmm(content_BLHE.flatten(0, 1).transpose(0, 1), position_HEK)


def _launch(
    q: Tensor,
    c2p: Tensor | None,
    p2c: Tensor | None,
    padding: Tensor | None,
    scale: float,
    p: float,
) -> tuple[tuple[int], dict[str, Any]]:
    """The grid, and the arguments that all kernels share."""
    batch, length, heads, size = q.shape
    tile = min(max(triton.next_power_of_2(length), SMALLEST_TILE), LARGEST_TILE[q.dtype])
    return (heads * batch * triton.cdiv(length, tile),), {
        "batch": batch,
        "length": length,
        "scale": scale,
        "p": p,
        "HEADS": heads,
        "SIZE": size,
        "C2P": c2p is not None,
        "P2C": p2c is not None,
        "PADDED": padding is not None,
        "DROPOUT": p > 0,
        "M": tile,
        "N": tile,
        "E": max(triton.next_power_of_2(size), SMALLEST_SIZE),
        # So that registers suffice, by what Triton reports when it compiles for an H100.
        "num_warps": 8 if tile == 64 else 4,
        "num_stages": 1,
    }


def _check_layout(*tensors: Tensor | None) -> None:
    assert all(x is None or x.is_contiguous() for x in tensors), "a compiler changed a layout"


@torch.library.custom_op("amlm::attention", mutates_args=())
def _forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    c2p: Tensor | None,
    p2c: Tensor | None,
    padding: Tensor | None,
    seed: Tensor | None,
    scale: float,
    p: float,
) -> tuple[Tensor, Tensor]:
    _check_layout(q, k, v, c2p, p2c, padding)
    out, log_sums = _empty(q)
    grid, shared = _launch(q, c2p, p2c, padding, scale, p)
    kernels.forward[grid](q, k, v, c2p, p2c, padding, seed, out, log_sums, **shared)
    return out, log_sums


@_forward.register_fake
def _empty(q: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    batch, length, heads, _size = q.shape
    return torch.empty_like(q), q.new_empty((heads, batch, length), dtype=torch.float32)


@torch.library.custom_op("amlm::attention_backward", mutates_args=())
def _backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    c2p: Tensor | None,
    p2c: Tensor | None,
    padding: Tensor | None,
    seed: Tensor | None,
    out: Tensor,
    log_sums: Tensor,
    scale: float,
    p: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    _check_layout(grad, q, k, v, c2p, p2c, padding, out)
    d_q, d_k, d_v, d_c2p, d_p2c = _empty_gradients(grad, q, k, v, c2p, p2c)
    grid, shared = _launch(q, c2p, p2c, padding, scale, p)
    deltas = torch.empty_like(log_sums)
    kernels.backward_queries[grid](
        *(q, k, v, c2p, p2c, padding, seed, out, log_sums, grad, deltas, d_q, d_c2p), **shared
    )
    kernels.backward_keys[grid](
        *(q, k, v, c2p, p2c, padding, seed, log_sums, grad, deltas, d_k, d_v, d_p2c), **shared
    )
    return d_q, d_k, d_v, d_c2p, d_p2c


@_backward.register_fake
def _empty_gradients(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, c2p: Tensor | None, p2c: Tensor | None, *_: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_c2p, d_p2c = (q.new_empty(0) if x is None else torch.empty_like(x) for x in (c2p, p2c))
    return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v), d_c2p, d_p2c


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.scale, ctx.p = inputs
    ctx.save_for_backward(*tensors, *output)


def _differentiate(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    d_q, d_k, d_v, d_c2p, d_p2c = torch.ops.amlm.attention_backward(
        grad.contiguous(), *saved, ctx.scale, ctx.p
    )
    d_columns = (None if x is None else d for x, d in ((saved[3], d_c2p), (saved[4], d_p2c)))
    return d_q, d_k, d_v, *d_columns, None, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)

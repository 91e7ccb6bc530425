"""Triton kernels of disentangled attention; `amlm.models.fused_attention` calls them.

Scores never reach memory: a program computes a tile of them, gathers its position scores, applies
softmax and dropout, and multiplies by the values. The backward pass computes tiles anew.

Position scores come in columns, one per distance (see `amlm.models.relative`): the c2p score of
query i and key j is in column ``j - i + L - 1`` of row i, the p2c score in column ``i - j + L - 1``
of row j. Within a row, key and column determine each other. Each gradient of a column is therefore
written once, by the program of its row, without atomic additions. A row has 2L columns, of which
its keys reach L; the column L away from a reached one is not reached, and gets its zero with it.

Dropout draws four numbers at a time from Philox, with head and sequence in its key and the query
and four keys in its counter: the same numbers in both passes and for every tile size.

Shapes: B sequences, L length, H heads, E head size; queries, keys, values (B, L, H, E); columns
(H, B, L, 2L); statistics of rows (H, B, L), float32; n counts heads times sequences, head first.
Tiles have M queries and N keys. Logarithms are to base 2.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Philox passes the usual tests of randomness from 7 rounds on (Salmon et al. 2011).
ROUNDS = tl.constexpr(7)
LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def _program(length, TILE: tl.constexpr):
    """The head and sequence, and the first row of the tile, of this program. One axis has them all:
    the others of a grid end at 65,535."""
    tiles = tl.cdiv(length, TILE)
    return tl.program_id(0) // tiles, tl.program_id(0) % tiles * TILE


@triton.jit
def _first(n, batch, length, HEADS: tl.constexpr, SIZE: tl.constexpr):
    """Where one head and sequence begins in (B, L, H, E); offsets within it need 32 bits."""
    return ((n % batch).to(tl.int64) * length * HEADS + n // batch) * SIZE


@triton.jit
def _place(rows, e, length, HEADS: tl.constexpr, SIZE: tl.constexpr):
    """Offsets of the vectors of some rows within a head and sequence, and which numbers exist."""
    at = rows[:, None] * (HEADS * SIZE) + e[None, :]
    return at, (rows < length)[:, None] & (e < SIZE)[None, :]


@triton.jit
def _scores(
    q_ME, k_NE, i, j, c2p, p2c, padding, n,
    batch, length, scale,
    C2P: tl.constexpr, P2C: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """Scores of a tile; minus infinity where there is no key to attend to."""
    scores = tl.dot(q_ME, tl.trans(k_NE), input_precision="ieee")
    first = n.to(tl.int64) * length * (2 * length)
    inside = (i < length)[:, None] & (j < length)[None, :]
    if C2P:
        at = i[:, None] * (2 * length - 1) + j[None, :] + length - 1
        scores += tl.load(c2p + first + at, mask=inside, other=0.0)
    if P2C:  # loaded key by key, in the order of memory
        at = j[:, None] * (2 * length - 1) + i[None, :] + length - 1
        scores += tl.trans(tl.load(p2c + first + at, mask=tl.trans(inside), other=0.0))
    allowed = j < length
    if PADDED:
        allowed = allowed & (
            tl.load(padding + (n % batch) * length + j, mask=allowed, other=1) == 0
        )
    return tl.where(allowed[None, :], scores * (scale * LOG2_E), float("-inf"))


@triton.jit
def _kept(
    seed, n, i, first_key, length, p,
    M: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """Which probabilities of a tile dropout keeps."""
    four_keys = first_key // 4 + tl.arange(0, N // 4)
    counter = i[:, None] * ((length + 3) // 4) + four_keys[None, :]
    a, b, c, d = tl.rand4x(tl.load(seed) + n, counter, ROUNDS)
    return tl.reshape(tl.join(tl.join(a, c), tl.join(b, d)), [M, N]) >= p


@triton.jit
def forward(
    q, k, v, c2p, p2c, padding, seed, out, log_sums,
    batch, length, scale, p,
    HEADS: tl.constexpr, SIZE: tl.constexpr, C2P: tl.constexpr, P2C: tl.constexpr,
    PADDED: tl.constexpr, DROPOUT: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """The context of M queries, and the logarithm of each one's sum of exponentials."""
    n, first_query = _program(length, M)
    i, e = first_query + tl.arange(0, M), tl.arange(0, E)
    first = _first(n, batch, length, HEADS, SIZE)
    at_ME, inside_ME = _place(i, e, length, HEADS, SIZE)
    q_ME = tl.load(q + first + at_ME, mask=inside_ME, other=0.0)
    best_M = tl.full([M], -1e30, tl.float32)  # finite: a row may have no key to attend to
    sum_M = tl.zeros([M], tl.float32)
    out_ME = tl.zeros([M, E], tl.float32)
    for first_key in range(0, length, N):
        j = first_key + tl.arange(0, N)
        at_NE, inside_NE = _place(j, e, length, HEADS, SIZE)
        k_NE = tl.load(k + first + at_NE, mask=inside_NE, other=0.0)
        v_NE = tl.load(v + first + at_NE, mask=inside_NE, other=0.0)
        scores = _scores(
            q_ME, k_NE, i, j, c2p, p2c, padding, n, batch, length, scale, C2P, P2C, PADDED
        )
        new_best_M = tl.maximum(best_M, tl.max(scores, 1))
        probs = tl.exp2(scores - new_best_M[:, None])
        shrink_M = tl.exp2(best_M - new_best_M)
        sum_M = sum_M * shrink_M + tl.sum(probs, 1)
        if DROPOUT:
            probs = tl.where(_kept(seed, n, i, first_key, length, p, M, N), probs, 0.0)
        out_ME = out_ME * shrink_M[:, None]
        out_ME += tl.dot(probs.to(v_NE.dtype), v_NE, input_precision="ieee")
        best_M = new_best_M
    sum_M = tl.maximum(sum_M, 1e-30)
    out_ME = out_ME / (sum_M * (1 - p))[:, None]
    tl.store(out + first + at_ME, out_ME.to(out.dtype.element_ty), mask=inside_ME)
    tl.store(log_sums + n.to(tl.int64) * length + i, best_M + tl.log2(sum_M), mask=i < length)


@triton.jit
def _backward_tile(
    q_ME, k_NE, v_NE, grad_ME, log_sum_M, delta_M,
    i, j, first_key, c2p, p2c, padding, seed, n,
    batch, length, scale, p,
    C2P: tl.constexpr, P2C: tl.constexpr, PADDED: tl.constexpr, DROPOUT: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """Probabilities after dropout, and the gradient of the unscaled scores."""
    scores = _scores(q_ME, k_NE, i, j, c2p, p2c, padding, n, batch, length, scale, C2P, P2C, PADDED)
    probs = tl.exp2(scores - log_sum_M[:, None])
    d_probs = tl.dot(grad_ME, tl.trans(v_NE), input_precision="ieee")
    dropped = probs
    if DROPOUT:
        kept = _kept(seed, n, i, first_key, length, p, M, N)
        dropped = tl.where(kept, probs / (1 - p), 0.0)
        d_probs = tl.where(kept, d_probs / (1 - p), 0.0)
    return dropped, probs * (d_probs - delta_M[:, None]) * scale


@triton.jit
def _store_columns(d_columns, d_scores, n, row, other, length):
    """Stores gradients of the reached columns of rows, and the zeros of the others."""
    at = row[:, None] * (2 * length - 1) + other[None, :] + length - 1
    unreached = at + tl.where(other[None, :] <= row[:, None], length, -length)
    start = d_columns + n.to(tl.int64) * length * (2 * length)
    inside = (row < length)[:, None] & (other < length)[None, :]
    d_scores = d_scores.to(d_columns.dtype.element_ty)
    tl.store(start + at, d_scores, mask=inside)
    tl.store(start + unreached, tl.zeros_like(d_scores), mask=inside)


@triton.jit
def backward_queries(
    q, k, v, c2p, p2c, padding, seed, out, log_sums,
    grad, deltas, d_q, d_c2p,
    batch, length, scale, p,
    HEADS: tl.constexpr, SIZE: tl.constexpr, C2P: tl.constexpr, P2C: tl.constexpr,
    PADDED: tl.constexpr, DROPOUT: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """Gradients of M queries and of their rows of c2p; the products of gradient and context."""
    n, first_query = _program(length, M)
    i, e = first_query + tl.arange(0, M), tl.arange(0, E)
    first = _first(n, batch, length, HEADS, SIZE)
    at_ME, inside_ME = _place(i, e, length, HEADS, SIZE)
    q_ME = tl.load(q + first + at_ME, mask=inside_ME, other=0.0)
    grad_ME = tl.load(grad + first + at_ME, mask=inside_ME, other=0.0)
    out_ME = tl.load(out + first + at_ME, mask=inside_ME, other=0.0)
    delta_M = tl.sum(grad_ME.to(tl.float32) * out_ME.to(tl.float32), 1)
    at_M = n.to(tl.int64) * length + i
    tl.store(deltas + at_M, delta_M, mask=i < length)
    log_sum_M = tl.load(log_sums + at_M, mask=i < length, other=0.0)
    d_q_ME = tl.zeros([M, E], tl.float32)
    for first_key in range(0, length, N):
        j = first_key + tl.arange(0, N)
        at_NE, inside_NE = _place(j, e, length, HEADS, SIZE)
        k_NE = tl.load(k + first + at_NE, mask=inside_NE, other=0.0)
        v_NE = tl.load(v + first + at_NE, mask=inside_NE, other=0.0)
        _, d_scores = _backward_tile(
            q_ME, k_NE, v_NE, grad_ME, log_sum_M, delta_M, i, j, first_key, c2p, p2c, padding,
            seed, n, batch, length, scale, p, C2P, P2C, PADDED, DROPOUT, M, N,
        )  # fmt: skip
        if C2P:
            _store_columns(d_c2p, d_scores, n, i, j, length)
        d_q_ME += tl.dot(d_scores.to(k_NE.dtype), k_NE, input_precision="ieee")
    tl.store(d_q + first + at_ME, d_q_ME.to(d_q.dtype.element_ty), mask=inside_ME)


@triton.jit
def backward_keys(
    q, k, v, c2p, p2c, padding, seed, log_sums,
    grad, deltas, d_k, d_v, d_p2c,
    batch, length, scale, p,
    HEADS: tl.constexpr, SIZE: tl.constexpr, C2P: tl.constexpr, P2C: tl.constexpr,
    PADDED: tl.constexpr, DROPOUT: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """Gradients of N keys, of their values, and of their rows of p2c; after `backward_queries`."""
    n, first_key = _program(length, N)
    j, e = first_key + tl.arange(0, N), tl.arange(0, E)
    first = _first(n, batch, length, HEADS, SIZE)
    at_NE, inside_NE = _place(j, e, length, HEADS, SIZE)
    k_NE = tl.load(k + first + at_NE, mask=inside_NE, other=0.0)
    v_NE = tl.load(v + first + at_NE, mask=inside_NE, other=0.0)
    d_k_NE = tl.zeros([N, E], tl.float32)
    d_v_NE = tl.zeros([N, E], tl.float32)
    for first_query in range(0, length, M):
        i = first_query + tl.arange(0, M)
        at_ME, inside_ME = _place(i, e, length, HEADS, SIZE)
        q_ME = tl.load(q + first + at_ME, mask=inside_ME, other=0.0)
        grad_ME = tl.load(grad + first + at_ME, mask=inside_ME, other=0.0)
        at_M = n.to(tl.int64) * length + i
        log_sum_M = tl.load(log_sums + at_M, mask=i < length, other=0.0)
        delta_M = tl.load(deltas + at_M, mask=i < length, other=0.0)
        dropped, d_scores = _backward_tile(
            q_ME, k_NE, v_NE, grad_ME, log_sum_M, delta_M, i, j, first_key, c2p, p2c, padding,
            seed, n, batch, length, scale, p, C2P, P2C, PADDED, DROPOUT, M, N,
        )  # fmt: skip
        d_scores = tl.trans(d_scores)
        if P2C:
            _store_columns(d_p2c, d_scores, n, j, i, length)
        d_v_NE += tl.dot(tl.trans(dropped).to(grad_ME.dtype), grad_ME, input_precision="ieee")
        d_k_NE += tl.dot(d_scores.to(q_ME.dtype), q_ME, input_precision="ieee")
    tl.store(d_k + first + at_NE, d_k_NE.to(d_k.dtype.element_ty), mask=inside_NE)
    tl.store(d_v + first + at_NE, d_v_NE.to(d_v.dtype.element_ty), mask=inside_NE)

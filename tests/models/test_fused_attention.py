"""The fused attention against its definition, written out: forward and gradients, with dropout by
the masks that it drew. Without a GPU the kernels are interpreted, and compiled for one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

from amlm.models import fused_attention

attend: Any = fused_attention.attend_fused
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, HEADS = 2, 2
TERMS = ("c2p p2c", "c2p", "p2c")


def _widened(handle: Any) -> Any:
    if handle.dtype.scalar != tl.bfloat16:
        return handle
    bits = handle.data.astype(np.uint32) << 16
    return interpreter.TensorHandle(bits.view(np.float32), tl.float32)


@pytest.fixture(autouse=True)
def bfloat16_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter multiplies the bits of bfloat16 numbers as integers."""
    product = interpreter.InterpreterBuilder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return product(self, _widened(a), _widened(b), *rest)

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", create_dot)


def inputs(
    length: int, size: int, dtype: torch.dtype, terms: str, batch: int = BATCH, heads: int = HEADS
) -> list[Any]:
    """Queries, keys, values and the position vectors of the terms."""
    drawn: list[Any] = []
    for _ in range(3):
        drawn.append(torch.randn(batch, length, heads, size, device=DEVICE, dtype=dtype))
    for term in ("c2p", "p2c"):
        position = torch.randn(2 * length - 1, heads, size, device=DEVICE, dtype=dtype)
        drawn.append(position if term in terms else None)
    return [x if x is None else x.requires_grad_() for x in drawn]


def pads(length: int) -> Tensor:
    padding_B1L = torch.zeros(BATCH, 1, length, dtype=torch.bool, device=DEVICE)
    padding_B1L[1, :, -(length // 3 + 1) :] = length > 2
    return padding_B1L


def definition(
    q: Any, k: Any, v: Any, pos_key: Any, pos_query: Any,
    padding_B1L: Tensor | None, scale: float, factor_BHLL: Tensor | None,
) -> Any:  # fmt: skip
    """The definition, pair by pair; dropout multiplies probabilities by `factor_BHLL`."""
    length = q.size(1)
    place = torch.arange(length, device=DEVICE)
    i_minus_j = place[:, None] - place
    scores = torch.einsum("bihe,bjhe->bhij", q, k)
    if pos_key is not None:  # from distance L - 1 down
        scores = scores + torch.einsum("bihe,ijhe->bhij", q, pos_key[length - 1 - i_minus_j])
    if pos_query is not None:  # from distance 1 - L up
        scores = scores + torch.einsum("bjhe,ijhe->bhij", k, pos_query[i_minus_j + length - 1])
    scores = scores * scale
    if padding_B1L is not None:
        scores = scores.masked_fill(padding_B1L[:, None], float("-inf"))
    probs = scores.softmax(-1)
    if factor_BHLL is not None:
        probs = probs * factor_BHLL
    return torch.einsum("bhij,bjhe->bihe", probs, v)


define: Any = definition  # called with lists


def kept(length: int, size: int, p: float) -> Tensor:
    """The mask that the kernels draw after seed 1: probabilities are 1 / L, values one-hot."""
    like = torch.zeros(BATCH, length, HEADS, size, device=DEVICE)
    parts = []
    for first in range(0, length, size):
        value = torch.zeros_like(like)
        for key in range(first, min(first + size, length)):
            value[:, key, :, key - first] = 1
        torch.manual_seed(1)
        parts.append(attend(like, like, value, None, None, None, 1.0, p))
    return (torch.cat(parts, -1)[..., :length].transpose(1, 2) > 0).float()


def check(
    length: int, size: int, dtype: torch.dtype, terms: str, padded: bool, p: float,
    batch: int = BATCH, heads: int = HEADS,
) -> None:  # fmt: skip
    """Compares context and gradients."""
    given = inputs(length, size, dtype, terms, batch, heads)
    padding_B1L, scale = pads(length) if padded else None, (3 * size) ** -0.5
    torch.manual_seed(1)
    found = attend(*given, padding_B1L, scale, p)
    exact: Any = [x if x is None else x.detach().float().requires_grad_() for x in given]
    factor = kept(length, size, p) / (1 - p) if p else None
    expected: Any = define(*exact, padding_B1L, scale, factor)
    grad = torch.randn_like(expected)
    found.backward(grad.to(dtype))
    expected.backward(grad)
    # Besides rounding, bfloat16 rounds position scores and their gradients before they are added.
    close = {torch.float32: 2e-6, torch.bfloat16: 4e-2}[dtype]
    pairs = [(found, expected)]
    pairs += [(x.grad, y.grad) for x, y in zip(given, exact, strict=True) if x is not None]
    for one, other in pairs:
        assert one.dtype == dtype and one.isfinite().all()
        assert (one.float() - other).norm() <= close * other.norm() + 1e-6


@pytest.fixture
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a full tile. An interpreted one takes as long whatever its size."""
    for dtype in fused_attention.LARGEST_TILE:
        monkeypatch.setitem(fused_attention.LARGEST_TILE, dtype, request.param)


@pytest.mark.parametrize("tile", [32], indirect=True)
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_kind_equals_the_definition(
    dtype: torch.dtype, padded: bool, terms: str, tile: None
) -> None:
    check(34, 8, dtype, terms, padded, 0.0, batch=1 + padded, heads=2 - padded)


@pytest.mark.parametrize("length", [2, 5, 16, 64, 67])
def test_each_length_equals_the_definition(length: int) -> None:
    check(length, 8, torch.float32, "c2p p2c", True, 0.0)


@pytest.mark.parametrize("tile", [256], indirect=True)
@pytest.mark.parametrize("length", [256, 600])
def test_long_sequences_equal_the_definition(length: int, tile: None) -> None:
    check(length, 16, torch.float32, "c2p p2c", True, 0.0)


@pytest.mark.parametrize("tile", [32], indirect=True)
@pytest.mark.parametrize(
    ("length", "dtype"), [(35, torch.float32), (64, torch.bfloat16), (9, torch.bfloat16)]
)
def test_dropout_is_the_same_in_both_passes(length: int, dtype: torch.dtype, tile: None) -> None:
    check(length, 32, dtype, "c2p p2c", True, 0.3)


def test_it_compiles_to_one_graph_without_reading_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = inputs(6, 8, torch.float32, "c2p p2c")
    torch._dynamo.reset()
    compiled = torch.compile(attend, fullgraph=True, backend="aot_eager")
    results = []
    for function in (attend, compiled):
        found = function(*given, None, 0.3, 0.0)
        results.append([found, *torch.autograd.grad(found.square().sum(), given)])
    for eager, graph in zip(*results, strict=True):
        assert torch.equal(eager, graph)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no meta device
    there: list[Any] = [x if x is None else x.detach().to("meta").requires_grad_() for x in given]
    attend(*there, pads(6).to("meta"), 0.3, 0.1).sum().backward()
    assert all(x is not None and x.grad is not None and x.grad.is_meta for x in there)


def test_no_axis_of_the_grid_is_longer_than_a_gpu_allows() -> None:
    q = torch.empty(70_000, 65, 12, 8, device="meta")
    grid, _ = fused_attention._launch(q, None, None, None, 1.0, 0.0)
    (programs,) = grid
    assert programs == 70_000 * 12 * 3 < 2**31  # 65,535 on the other axes


def test_dropout_masks_are_independent() -> None:
    mask = kept(60, 64, 0.25).double()
    deviation = (0.25 * 0.75 / mask.numel()) ** 0.5
    assert abs(float(mask.mean()) - 0.75) < 4 * deviation
    centred = mask - 0.75
    for other in (centred.roll(1, 0), centred.roll(1, 1), centred.roll(1, 2)):
        assert abs(float((centred * other).mean())) < 4 * 0.25 * 0.75 / mask.numel() ** 0.5
    for lag in (1, 2, 3, 4):  # four keys share a draw
        product = (centred[..., lag:] * centred[..., :-lag]).mean()
        assert abs(float(product)) < 4 * 0.25 * 0.75 / mask.numel() ** 0.5


def test_a_sequence_of_padding_only_has_no_context_and_no_gradient() -> None:
    given = inputs(5, 8, torch.float32, "c2p p2c")
    padding_B1L = torch.zeros(BATCH, 1, 5, dtype=torch.bool, device=DEVICE)
    padding_B1L[1] = True
    found = attend(*given, padding_B1L, 0.3, 0.0)
    found.sum().backward()
    assert found[0].abs().min() > 0 and not found[1].any()
    for x in given[:3]:
        assert x is not None and x.grad is not None
        assert x.grad[0].any() and not x.grad[1].any()


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from amlm.models import attention_kernels as kernels

POINTERS = {"seed": "*i64", "padding": "*i1", "log_sums": "*fp32", "deltas": "*fp32"}
SIZES = {"batch": "i32", "length": "i32", "scale": "fp32", "p": "fp32"}
for dtype, tile, flag in (("bf16", 64, True), ("fp32", 32, False)):
    for kernel in (kernels.forward, kernels.backward_queries, kernels.backward_keys):
        constants = dict(HEADS=12, SIZE=32, C2P=flag, P2C=True, PADDED=flag, DROPOUT=flag)
        constants |= dict(M=tile, N=tile, E=32)
        signature, multiples = {}, {}
        for number, name in enumerate(kernel.arg_names):
            signature[name] = "constexpr" if name in constants else SIZES.get(name)
            signature[name] = signature[name] or POINTERS.get(name, f"*{dtype}")
            if signature[name].startswith("*") or name in ("batch", "length"):
                multiples[number,] = [["tt.divisibility", 16]]
        source = ASTSource(kernel, signature, constants, multiples)
        options = {"num_warps": 8 if tile == 64 else 4, "num_stages": 1}
        compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
        assert ".target sm_90" in compiled.asm["ptx"] and compiled.asm["cubin"]
        assert compiled.metadata.shared < 48 * 1024  # on any GPU
        print(kernel.__name__, dtype, compiled.metadata.shared)
"""


def test_kernels_compile_for_a_gpu() -> None:
    """In a process of its own: here they are interpreted."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 6

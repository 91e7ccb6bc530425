"""``x W^T + b``, on x86 CPUs with the faster of two libraries.

For float32 matrix products on a CPU, torch calls MKL. oneDNN, which torch also ships, is about 10 %
faster with AVX-512 (AMD Zen 4) for the forward pass and the gradient of the input, and adds the
bias while writing the result, whereas MKL needs the output filled with the bias first. oneDNN is
slower for the gradient of the weight, and 10 % slower for all three with AVX2 only (AMD Zen 3).
Shapes: N positions, I input features, O output features.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_BOTH: bool = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
_FASTER: bool = _BOTH and torch.backends.cpu.get_cpu_capability() == "AVX512"

# oneDNN and torch's layer above it keep what they make for each shape, by default 1,024 each, of up
# to half a megabyte: with a falling mask ratio a run would grow by 4 MB per shape (see
# `amlm/training/notes.md`). A step has some tens of products. Both read their variable at their
# first use; what a user has set is kept.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "64")


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor) -> Tensor:
    """`torch.nn.functional.linear`: ``(..., I)`` to ``(..., O)``."""
    if (
        not _FASTER
        or x.device.type != "cpu"
        or x.dtype != torch.float32
        or torch.is_autocast_enabled("cpu")
        or torch.compiler.is_compiling()
        or not x.numel()
    ):
        return F.linear(x, weight_OI, bias_O)
    if not torch.is_grad_enabled():
        return _product(x, weight_OI, bias_O)
    y: Tensor = _Linear.apply(x, weight_OI, bias_O)  # type: ignore[no-untyped-call]
    return y


class Linear(nn.Linear):
    """`torch.nn.Linear` that calls `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def _product(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:
    # The operator that `torch.compile` substitutes for linear layers on a CPU.
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight_OI, bias_O, "none", [], "")
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight_OI)
        return _product(x, weight_OI, bias_O)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight_OI = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        grad_NO = grad.reshape(-1, grad.size(-1))
        return (
            _product(grad, weight_OI.mT, None) if needs_x else None,
            grad_NO.mT @ x.reshape(-1, x.size(-1)) if needs_weight else None,
            grad_NO.sum(0) if needs_bias else None,
        )

"""The gradient of a matrix used twice against autograd's sum over the two uses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amlm.models.tied import look_up

IDS = torch.tensor([[3, 3, 0, 7], [1, 3, 8, 0]])


def _plain(ids_BL: Tensor, weight_VD: Tensor, padding_idx: int | None) -> tuple[Tensor, Tensor]:
    return F.embedding(ids_BL, weight_VD, padding_idx), weight_VD


def _gradient(way: Callable[..., tuple[Tensor, Tensor]], padding: int | None, use: str) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(9, 5, dtype=torch.float64, generator=generator).requires_grad_()
    rows, matrix = way(IDS, weight, padding)
    assert torch.equal(rows, weight[IDS])
    loss = {
        "both": lambda: (rows.tanh() @ matrix.T).square().sum(),
        "rows": lambda: rows.tanh().sum(),
        "matrix": lambda: matrix.tanh().sum(),
    }[use]()
    loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    return weight.grad


@pytest.mark.parametrize("padding", [None, 0])
@pytest.mark.parametrize("use", ["both", "rows", "matrix"])
def test_gradient_is_the_sum_over_both_uses(padding: int | None, use: str) -> None:
    found, expected = (_gradient(way, padding, use) for way in (look_up, _plain))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def _accumulated(times: int) -> Tensor:
    weight = torch.arange(45.0).view(9, 5).requires_grad_()
    for _ in range(times):
        rows, matrix = look_up(IDS, weight, 0)
        (rows @ matrix.T).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    return weight.grad


def test_gradients_accumulate_over_micro_batches() -> None:
    torch.testing.assert_close(_accumulated(2), 2 * _accumulated(1))

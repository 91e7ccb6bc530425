"""The linear layer against torch's own: values, gradients, and where it must leave it to that."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amlm.models import linear as module
from amlm.models.linear import Linear, linear


def _drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_those_of_torch(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x, weight, bias = _drawn(*shape, 24, dtype=dtype), _drawn(40, 24, dtype=dtype), _drawn(40)
    bias = bias.detach().to(dtype).requires_grad_()
    results = []
    for function in (linear, F.linear):
        y = function(x, weight, bias)
        y.sin().sum().backward()  # type: ignore[no-untyped-call]
        results.append([y.detach(), *(t.grad for t in (x, weight, bias))])
        x.grad = weight.grad = bias.grad = None
    for found, expected in zip(*results, strict=True):
        assert found is not None and expected is not None and found.dtype == dtype
        torch.testing.assert_close(found, expected)


def test_without_gradients_the_values_are_the_same_bits() -> None:
    layer, x = Linear(24, 40), _drawn(6, 24)
    with torch.no_grad():
        assert torch.equal(layer(x), layer(x))
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_autocast_is_torch_s_own() -> None:
    layer, x = Linear(24, 40), _drawn(6, 24)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        assert y.dtype == torch.bfloat16
        assert torch.equal(y, F.linear(x, layer.weight, layer.bias))


@pytest.mark.skipif(not module._FASTER, reason="torch without MKL or oneDNN")
def test_the_faster_library_is_used_where_it_is() -> None:
    x, weight, bias = _drawn(6, 24), _drawn(40, 24), _drawn(40)
    assert "_Linear" in type(linear(x, weight, bias).grad_fn).__name__

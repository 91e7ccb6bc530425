"""The linear layer against torch's: values, gradients, and the cases where it must fall back."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from amlm.models import linear as module
from amlm.models.linear import Linear, linear


@pytest.fixture(autouse=True)
def _use_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses oneDNN wherever it exists, even where it is slower."""
    monkeypatch.setattr(module, "_FASTER", module._BOTH)


def _drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_equal_those_of_torch(
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


class Products(TorchDispatchMode):
    """Counts matrix products."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in ("mm", "addmm", "_linear_pointwise")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("frozen", range(3))
def test_backward_skips_products_for_frozen_inputs(frozen: int) -> None:
    inputs = [_drawn(6, 24), _drawn(40, 24), _drawn(40)]
    inputs[frozen].requires_grad_(False)
    y = linear(*inputs)
    with Products() as products:
        y.sin().sum().backward()  # type: ignore[no-untyped-call]
    assert [t.grad is None for t in inputs] == [index == frozen for index in range(3)]
    assert products.count == (2 if frozen == 2 else 1)


def test_transposed_expanded_and_strided_inputs_are_supported() -> None:
    weight, bias = _drawn(40, 24), _drawn(40)
    for x in (_drawn(24, 6).mT, _drawn(1, 24).expand(6, 24), _drawn(12, 48)[::2, ::2]):
        x = x.detach().requires_grad_()
        gradients = []
        for function in (linear, F.linear):
            y = function(x, weight, bias)
            assert torch.allclose(y, F.linear(x, weight, bias), atol=1e-5)
            # The gradient of the sum is an expanded scalar; the one through `mT` is transposed.
            loss = y.sum() + (y.mT @ _drawn(6, 3)).square().sum()
            gradients.append(torch.autograd.grad(loss, (x, weight, bias)))
        for found, expected in zip(*gradients, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_values_without_gradients_are_deterministic_and_close_to_torch() -> None:
    layer, x = Linear(24, 40), _drawn(6, 24)
    with torch.no_grad():
        assert torch.equal(layer(x), layer(x))
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_autocast_falls_back_to_torch() -> None:
    layer, x = Linear(24, 40), _drawn(6, 24)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        assert y.dtype == torch.bfloat16
        assert torch.equal(y, F.linear(x, layer.weight, layer.bias))


@pytest.mark.skipif(not module._BOTH, reason="torch without MKL or oneDNN")
def test_onednn_is_used_where_available() -> None:
    x, weight, bias = _drawn(6, 24), _drawn(40, 24), _drawn(40)
    assert "_Linear" in type(linear(x, weight, bias).grad_fn).__name__


GROWTH = """
import torch
from amlm.models.linear import _product

def resident():  # MB
    fields = open("/proc/self/statm").read().split()
    return int(fields[1]) * 4096 / 1e6

torch.set_num_threads(1)
x, weight, bias = torch.randn(3_000, 32), torch.randn(100, 32), torch.zeros(100)
grad, sizes = torch.randn(3_000, 100), []
for rows in range(3_000, 1_600, -7):
    _product(x[:rows], weight, bias)
    _product(grad[:rows], weight.mT, None)
    sizes.append(resident())
print(sizes[-1] - sizes[60])
"""


@pytest.mark.skipif(not (module._BOTH and sys.platform == "linux"), reason="needs oneDNN and /proc")
def test_what_is_kept_for_each_shape_is_bounded() -> None:
    # 140 shapes of two products: 120 MB with the default capacities.
    ours = {name: each for name, each in os.environ.items() if not name.endswith("CACHE_CAPACITY")}
    command = [sys.executable, "-c", GROWTH]
    ran = subprocess.run(command, env=ours, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 10

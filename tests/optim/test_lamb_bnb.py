"""LambBnb against bitsandbytes' arithmetic written out element by element in NumPy's float32, over
300 steps: tensors that start at zero and others, float32 and bfloat16 weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from amlm.optim.lamb_bnb import LambBnb

LR, BETA1, BETA2, EPS, DECAY = 7e-3, 0.9, 0.98, 1e-8, 0.1
Array = NDArray[np.float32]


def rounded(x: NDArray[Any], dtype: torch.dtype) -> Array:
    """The nearest numbers of a dtype, as float32."""
    result: Array = torch.from_numpy(np.asarray(x, dtype=np.float32)).to(dtype).float().numpy()
    return result


class Kernel:
    """One tensor of the kernel: float32 moments, weights of a dtype, decay after the step."""

    def __init__(self, x: Array, dtype: torch.dtype) -> None:
        self.x, self.dtype = rounded(x, dtype), dtype
        self.m, self.v, self.t = np.zeros_like(self.x), np.zeros_like(self.x), 0

    def step(self, g: Array) -> None:
        self.t += 1
        self.m = np.float32(BETA1) * self.m + np.float32(1 - BETA1) * g
        self.v = np.float32(BETA2) * self.v + np.float32(1 - BETA2) * g * g
        m_hat, v_hat = self.m / (1 - BETA1**self.t), self.v / (1 - BETA2**self.t)
        update = m_hat / (np.sqrt(v_hat) + EPS)
        weights_norm, update_norm = np.linalg.norm(self.x), np.linalg.norm(update)
        scale = weights_norm / update_norm if update_norm > 1.0 * weights_norm else 1.0
        self.x = rounded(self.x - LR * scale * update, self.dtype)
        self.x = rounded(self.x * (1 - LR * DECAY), self.dtype)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 0.02)], ids=["32", "bf16"]
)
def test_300_steps_equal_the_kernels_arithmetic(dtype: torch.dtype, tolerance: float) -> None:
    dice = np.random.default_rng(0)
    starts = [dice.normal(size=(7, 5)) * 0.3, np.zeros(6), dice.normal(size=11) * 9.0, np.ones(4)]
    params = [nn.Parameter(torch.tensor(start, dtype=torch.float32).to(dtype)) for start in starts]
    kernels = [Kernel(start.astype(np.float32), dtype) for start in starts]
    optimizer = LambBnb(params, lr=LR, betas=(BETA1, BETA2), eps=EPS, weight_decay=DECAY)
    for _ in range(300):
        for param, kernel in zip(params, kernels, strict=True):
            gradient = rounded(dice.normal(size=param.shape) + 0.3, dtype)
            param.grad = torch.from_numpy(gradient).to(dtype)
            kernel.step(gradient)
        optimizer.step()
    for param, kernel in zip(params, kernels, strict=True):
        ours = param.detach().float().numpy()
        assert np.linalg.norm(ours - kernel.x) <= tolerance * np.linalg.norm(kernel.x)
        assert optimizer.state[param]["exp_avg"].dtype == torch.float32
    assert not params[1].any()  # a tensor of zeros never moves
    assert all(not np.array_equal(kernels[i].x, starts[i]) for i in (0, 2, 3))


def test_the_trust_ratio_is_capped_at_one() -> None:
    # |x| = 10 and |u| = 1 at the first step: Algorithm 2 would move ten times as far.
    param = nn.Parameter(torch.tensor([6.0, 8.0]))
    param.grad = torch.tensor([1.0, 0.0])
    LambBnb([param], lr=0.1, weight_decay=0.0).step()
    assert param.tolist() == pytest.approx([5.9, 8.0])


def test_decay_follows_the_step_and_rounds_away_in_bfloat16() -> None:
    for dtype, expected in ((torch.float32, 1.0 - 7e-4), (torch.bfloat16, 1.0)):
        param = nn.Parameter(torch.ones(3, dtype=dtype))
        param.grad = torch.zeros(3, dtype=dtype)
        LambBnb([param], lr=7e-3, weight_decay=0.1).step()
        assert param.tolist() == pytest.approx([expected] * 3, rel=1e-6)
        assert math.isclose(float(param[0]), expected, rel_tol=1e-6)

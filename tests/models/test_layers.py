"""Dropout with a residual against its definition."""

from __future__ import annotations

import torch

from amlm.models.layers import Dropout


def test_dropout_keeps_the_mean_and_the_residual() -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(0.2), torch.rand(400, 301) + 1
    residual = torch.randn_like(x)
    dropped = dropout(x)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], x[kept] / 0.8)
    assert abs(float(kept.float().mean()) - 0.8) < 4 * (0.2 * 0.8 / x.numel()) ** 0.5
    torch.manual_seed(0)
    torch.rand(400, 301)
    torch.randn_like(x)
    torch.testing.assert_close(dropout(x, residual), residual + dropped)
    dropout.eval()
    assert torch.equal(dropout(x, residual), residual + x)

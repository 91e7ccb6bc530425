"""Which parameters each optimizer decays and adapts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from amlm.config.schema import OptimizerConfig
from amlm.optim.lamb import Lamb
from amlm.optim.lamb_bnb import LambBnb
from amlm.optim.optimizers import make_optimizer


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))


@pytest.mark.parametrize("adapt", [True, False])
def test_lamb_exempts_vectors_from_decay_and_on_request_from_adaptation(adapt: bool) -> None:
    parameters = list(model().parameters())
    optimizer = make_optimizer(OptimizerConfig(adapt_vectors=adapt), parameters)
    assert type(optimizer) is Lamb
    matrices, vectors = optimizer.param_groups
    assert [p.ndim for p in matrices["params"]] == [2]
    assert [p.ndim for p in vectors["params"]] == [1, 1, 1]
    assert (matrices["weight_decay"], matrices["adapt"]) == (0.1, True)
    assert (vectors["weight_decay"], vectors["adapt"]) == (0.0, adapt)


def test_lamb_bnb_decays_all_parameters() -> None:
    optimizer = make_optimizer(OptimizerConfig(name="lamb_bnb"), model().parameters())
    assert type(optimizer) is LambBnb
    (group,) = optimizer.param_groups
    assert (len(group["params"]), group["weight_decay"]) == (4, 0.1)


def test_adamw_exempts_vectors_from_decay() -> None:
    optimizer = make_optimizer(OptimizerConfig(name="adamw"), model().parameters())
    assert type(optimizer) is torch.optim.AdamW
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]

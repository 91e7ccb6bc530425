"""Builds the optimizer from the ``optimizer`` section of a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from amlm.config.schema import OptimizerConfig
from amlm.optim.lamb import Lamb
from amlm.optim.lamb_bnb import LambBnb


def make_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Builds the optimizer, with its learning rate at the peak value.

    As usual, weight decay applies to matrices but not to biases and layer norms; `lamb_bnb` decays
    all parameters, as the authors' script does.
    """
    trainable = [p for p in parameters if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    if config.name == "lamb_bnb":
        decay = config.weight_decay
        return LambBnb(trainable, lr=config.lr, betas=betas, eps=config.eps, weight_decay=decay)
    if config.name == "lamb":
        groups[1]["adapt"] = config.adapt_vectors
        return Lamb(groups, lr=config.lr, betas=betas, eps=config.eps)
    return AdamW(groups, lr=config.lr, betas=betas, eps=config.eps, fused=True)

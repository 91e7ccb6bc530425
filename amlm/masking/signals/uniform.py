"""Uniform signal: plain masked language modeling. Shapes: V token types, M labelled positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.signals.hard import Hard


@dataclass
class Uniform(Hard):
    """Every type scores 0.5, so the table stays uniform.

    Counts like `Hard`, so that the baseline has the same code path and the same cost.
    """

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return torch.full_like(statistics["total"], 0.5, dtype=torch.float64)

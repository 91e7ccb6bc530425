"""Tokens as units: every position is selected on its own (Edman & Fraser 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Token:
    """Every token is a unit of its own."""

    def begins(self, words_GL: Tensor, share: float, generator: torch.Generator) -> None:
        return None

"""Frequency signal: rare types are masked a little more often, increasingly so. V token types.

Kosmopoulou et al. 2025 (winner of the strict track of BabyLM 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.config.options import option
from amlm.masking.signals import Context, PreparedSignal


@dataclass
class Frequency(PreparedSignal):
    """Weight ``rarity ** power``, with the power rising linearly from 0 over the run.

    Rarity is the rank by count in the training text among types that are masked, the most frequent
    first, min-max normalised to [0, 1]. Types of equal count share a rank. Special tokens have no
    part in it: how many there are is a matter of the length of lines.
    """

    power: float = option(0.02, "power of the rarity at the end of the run", ge=0)

    def prepare(self, context: Context) -> None:
        self.context = context
        assert context.maskable_V is not None
        counts_V = context.counts_V.where(context.maskable_V, 0)
        place_V = torch.unique(counts_V, return_inverse=True)[1].double()  # ascending
        self.rarity_V = 1.0 - place_V / place_V.max().clamp(min=1)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        progress = self.context.step / self.context.total_steps
        weight_V: Tensor = self.rarity_V ** (self.power * progress)
        return 1.0 - weight_V

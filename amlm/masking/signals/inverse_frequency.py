"""Inverse frequency signal: a type is masked by a power of its count. V token types.

After the weighted sampling of Zhang et al. 2023 (arXiv 2302.14225), read in the abstract only; the
defaults are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from amlm.config.options import option
from amlm.masking.signals import Context, PreparedSignal, score_of_weights


@dataclass
class InverseFrequency(PreparedSignal):
    """Weight ``count ** -alpha``, from the first step on."""

    alpha: float = option(0.5, "power of the inverse count", ge=0)
    least: int = option(10, "count that rarer types are treated as having", ge=1)

    def prepare(self, context: Context) -> None:
        self.weight_V = context.counts_V.clamp(min=self.least).double() ** -self.alpha

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return score_of_weights(self.weight_V)

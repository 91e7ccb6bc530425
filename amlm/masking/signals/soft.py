"""Soft signal: loss (Edman & Fraser 2025). Shapes: V token types, M labelled positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from amlm.masking.signals import Predictions


def inverted_min_max(value_V: Tensor) -> Tensor:
    """One minus the values min-max normalised to [0, 1]; 0.5 everywhere if all are equal."""
    low, high = value_V.aminmax()
    spread = high - low
    scaled_V = (value_V - low) / torch.where(spread > 0, spread, 1.0)
    return torch.where(spread > 0, 1.0 - scaled_V, 0.5)


@dataclass
class Soft:
    """One minus the mean cross-entropy per type, min-max normalised over the vocabulary.

    Only positions that show ``[MASK]`` count. Every type gets one pseudo-count of a uniform guess
    (loss ``log V``), so an unseen type scores lowest unless another is worse than a uniform guess.
    """

    quantity: ClassVar[str] = "loss"

    def measured(self, predictions: Predictions) -> Tensor:
        """The quantity at each position, [M]."""
        return predictions.nll_M

    def counters(self) -> Mapping[str, torch.dtype]:
        return {self.quantity: torch.float64, "total": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        counted_M = predictions.valid_M & predictions.shows_mask_M
        value_M = torch.where(counted_M, self.measured(predictions), 0)
        for name, each_M in ((self.quantity, value_M), ("total", counted_M)):
            sum_V = statistics[name]
            sum_V.index_add_(0, predictions.labels_M, each_M.to(sum_V.dtype))

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        sum_V, total_V = statistics[self.quantity].double(), statistics["total"].double()
        guess = math.log(sum_V.numel())
        return inverted_min_max((sum_V + guess) / (total_V + 1.0) / guess)

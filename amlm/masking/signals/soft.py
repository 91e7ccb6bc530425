"""Soft signal: loss (Edman & Fraser 2025). Shapes: V token types, M labelled positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.signals import Predictions


@dataclass
class Soft:
    """One minus the mean cross-entropy per type, min-max normalised over the vocabulary.

    Only positions that show ``[MASK]`` count. Every type gets one pseudo-count of a uniform guess
    (loss ``log V``), so an unseen type scores lowest unless another is worse than a uniform guess.
    """

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"loss": torch.float64, "total": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        counted_M = predictions.valid_M & predictions.shows_mask_M
        loss_V, total_V = statistics["loss"], statistics["total"]
        loss_M = torch.where(counted_M, predictions.nll_M, 0).to(loss_V.dtype)
        loss_V.index_add_(0, predictions.labels_M, loss_M)
        total_V.index_add_(0, predictions.labels_M, counted_M.to(total_V.dtype))

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        uniform = math.log(statistics["loss"].numel())
        mean_V = (statistics["loss"].double() + uniform) / (statistics["total"].double() + 1.0)
        normal_V = mean_V / uniform
        low, high = normal_V.aminmax()
        spread = high - low
        # If all types have the same loss there is no range to scale by, and every score is 0.5.
        scaled_V = (normal_V - low) / torch.where(spread > 0, spread, 1.0)
        return torch.where(spread > 0, 1.0 - scaled_V, 0.5)

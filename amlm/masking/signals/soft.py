"""Soft signal: loss (Edman & Fraser 2025). Shapes: V token types, M labelled positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.signals import Predictions


def add_where_masked(
    sum_V: Tensor, total_V: Tensor, value_M: Tensor, predictions: Predictions
) -> None:
    """Adds values and their number to sums per type, at positions that show ``[MASK]``."""
    counted_M = predictions.valid_M & predictions.shows_mask_M
    sum_V.index_add_(0, predictions.labels_M, torch.where(counted_M, value_M, 0).to(sum_V.dtype))
    total_V.index_add_(0, predictions.labels_M, counted_M.to(total_V.dtype))


def mean_with_guess(sum_V: Tensor, total_V: Tensor) -> Tensor:
    """Mean per type in units of ``log V``, with one pseudo-count of a uniform guess."""
    uniform = math.log(sum_V.numel())
    return (sum_V.double() + uniform) / (total_V.double() + 1.0) / uniform


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

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"loss": torch.float64, "total": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        add_where_masked(statistics["loss"], statistics["total"], predictions.nll_M, predictions)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return inverted_min_max(mean_with_guess(statistics["loss"], statistics["total"]))

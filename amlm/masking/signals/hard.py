"""Hard signal: accuracy (Edman & Fraser 2025). Shapes: V token types, M labelled positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.signals import Predictions


@dataclass
class Hard:
    """``(correct + 0.5) / (total + 1)`` over all labelled positions: masked, random and kept."""

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"correct": torch.int64, "total": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        for name, counted_M in (
            ("correct", predictions.correct_M & predictions.valid_M),
            ("total", predictions.valid_M),
        ):
            sum_V = statistics[name]
            sum_V.index_add_(0, predictions.labels_M, counted_M.to(sum_V.dtype))

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return (statistics["correct"].double() + 0.5) / (statistics["total"].double() + 1.0)

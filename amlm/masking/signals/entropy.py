"""Entropy signal: how unsure the model is. Shapes: V token types, M labelled positions.

After Srinivasagan et al. 2026, read in the abstract only; the normalisation is that of `Soft`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from amlm.masking.signals import Predictions
from amlm.masking.signals.soft import add_where_masked, inverted_min_max, mean_with_guess


@dataclass
class Entropy:
    """One minus the mean entropy of the predictions per type, min-max normalised as in `Soft`.

    Only positions that show ``[MASK]`` count. The entropy comes from the softmax of the loss.
    """

    uses_entropy: ClassVar[bool] = True

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"entropy": torch.float64, "total": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        assert predictions.entropy_M is not None
        entropy_V, total_V = statistics["entropy"], statistics["total"]
        add_where_masked(entropy_V, total_V, predictions.entropy_M, predictions)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return inverted_min_max(mean_with_guess(statistics["entropy"], statistics["total"]))

"""Entropy signal: how unsure the model is. Shapes: M labelled positions.

After Srinivasagan et al. 2026, read in the abstract only; the normalisation is that of `Soft`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from amlm.masking.signals import Predictions
from amlm.masking.signals.soft import Soft


@dataclass
class Entropy(Soft):
    """One minus the mean entropy of the predictions per type, min-max normalised as in `Soft`.

    Only positions that show ``[MASK]`` count. The entropy comes from the softmax of the loss.
    """

    quantity: ClassVar[str] = "entropy"
    uses_entropy: ClassVar[bool] = True

    def measured(self, predictions: Predictions) -> Tensor:
        assert predictions.entropy_M is not None
        return predictions.entropy_M

"""The table of masking probabilities: its update, and measures of its shape.

Shapes: V token types.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def updated_table(
    table_V: Tensor, score_V: Tensor, ratio: float, *, smoothing: float, floor: float
) -> tuple[Tensor, Tensor]:
    """One update of the masking probabilities (Edman & Fraser 2025).

    ``w~ = p·(1 − score)``, smoothed with the old table by λ, bounded below, rescaled so that the
    mean over the vocabulary is p again.

    Args:
        table_V: float32, the old probabilities.
        score_V: how well each type is predicted, in [0, 1].
        ratio: the mask ratio p of this step.
        smoothing: λ, the weight of the old table.
        floor: lower bound before rescaling.

    Returns: float32 ``table_V``, and the share of types that the floor held up (a scalar tensor).
        The arithmetic is float64.
    """
    wanted_V = ratio * (1.0 - score_V.double())
    mixed_V = smoothing * table_V.double() + (1.0 - smoothing) * wanted_V
    floored_V = mixed_V < floor
    mixed_V = mixed_V.clamp(min=floor)
    return (mixed_V * (ratio / mixed_V.mean())).float(), floored_V.double().mean()


def drift(table_V: Tensor, previous_V: Tensor, first_V: Tensor) -> dict[str, float]:
    """Measures of a table and of how far it has moved; distributions over types are ``w/Σw``.

    Args:
        table_V, previous_V, first_V: tables now, before the last update, and at the start.

    Returns: entropy (nats), effective number of types (its exponential), KL divergence to the
        previous and to the first table (nats), mean, variance, minimum and maximum.
    """
    w_V = table_V.double()
    p_V = w_V / w_V.sum()
    log_p_V = p_V.log()

    def kl_from(other_V: Tensor) -> Tensor:
        other_V = other_V.double()
        return (p_V * (log_p_V - (other_V / other_V.sum()).log())).sum().clamp(min=0)

    entropy = -(p_V * log_p_V).sum()
    values = torch.stack(
        [
            entropy,
            kl_from(previous_V),
            kl_from(first_V),
            w_V.mean(),
            w_V.var(correction=0),
            w_V.min(),
            w_V.max(),
        ]
    ).tolist()
    names = ("entropy", "kl_previous", "kl_first", "mean", "variance", "minimum", "maximum")
    result = dict(zip(names, values, strict=True))
    result["effective_types"] = math.exp(result["entropy"])
    return result

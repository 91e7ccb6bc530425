"""The table of masking probabilities: its update, and summary statistics of it.

Shapes: V token types.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def update_table(
    table_V: Tensor, score_V: Tensor, ratio: float, *, smoothing: float, floor: float
) -> tuple[Tensor, Tensor]:
    """One update of the masking probabilities (Edman & Fraser 2025).

    ``w~ = p·(1 − score)``, smoothed with the old table by λ, clamped to the floor, and rescaled so
    that the mean over the vocabulary is p again. Computed in float64; the arguments are unchanged.

    Args:
        table_V: float32, the old probabilities.
        score_V: how well each type is predicted, in [0, 1].
        ratio: the mask ratio p of this step.
        smoothing: λ, the weight of the old table.
        floor: lower bound before rescaling.

    Returns: the new float32 ``table_V``, and the fraction of types clamped to the floor (a scalar
        tensor).
    """
    target_V = ratio * (1.0 - score_V.double())
    mixed_V = smoothing * table_V.double() + (1.0 - smoothing) * target_V
    floored_V = mixed_V < floor
    mixed_V = mixed_V.clamp(min=floor)
    return (mixed_V * (ratio / mixed_V.mean())).float(), floored_V.double().mean()


def drift(table_V: Tensor, previous_V: Tensor, first_V: Tensor) -> dict[str, float]:
    """Statistics of a table and of how far it has moved. Entropy and KL are over ``w/Σw``.

    Args:
        table_V, previous_V, first_V: the current table, the previous one, and the initial one.

    Returns: entropy (nats), effective number of types (its exponential), KL(current‖previous) and
        KL(current‖initial) (nats), mean, variance, minimum and maximum.
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

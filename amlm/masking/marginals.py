"""From the masking table to the selection probability of each unit in a sequence.

Shapes: B sequences, L units: positions, or the units of `amlm.masking.units.grouping`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def target_counts(size_BL: Tensor, ratio: float) -> Tensor:
    """Expected number of selected positions per sequence: ``ratio`` times the maskable positions.

    At least 1 if the sequence has a maskable position, so that no sequence is wasted.

    Returns: float64 ``counts_B``.
    """
    maskable_B = size_BL.sum(1, dtype=torch.float64)
    return torch.minimum((ratio * maskable_B).clamp(min=1.0), maskable_B)


def exact_marginals(weight_BL: Tensor, size_BL: Tensor, ratio: float) -> Tensor:
    """Selection probabilities ``q_i = min(1, c·w_i)`` with ``Σ n_i·q_i`` exactly ``ratio·n``.

    Where ``c·w_i`` exceeds 1 it is capped, and the excess is redistributed over the other
    units (water-filling). Closed form, no iteration: with the weights in descending order and
    the k largest capped, ``c_k = (target − Σ capped n) / Σ remaining n·w``; the solution is the
    smallest k for which ``c_k`` times the largest remaining weight is at most 1.

    Args:
        weight_BL: mean masking probability of the types in each unit, above 0.
        size_BL: maskable positions n_i of each unit; of single positions, bool.
        ratio: the mask ratio p, in (0, 1).

    Returns: float64 ``q_BL`` in [0, 1], 0 where nothing is maskable.
    """
    target_B1 = target_counts(size_BL, ratio).unsqueeze(1)
    weight_BL = torch.where(size_BL > 0, weight_BL, 0).double()
    sorted_BL, order_BL = weight_BL.sort(dim=1, descending=True)
    size_BL = size_BL.gather(1, order_BL).double()
    # remaining[k] = Σ_{j >= k} n·sorted[j], summed from the smallest up for precision
    remaining_BL = (size_BL * sorted_BL).flip(1).cumsum(1).flip(1)
    capped_BL = size_BL.cumsum(1) - size_BL
    scale_BL = (target_B1 - capped_BL) / remaining_BL.clamp(min=1e-300)
    fits_BL = scale_BL * sorted_BL <= 1.0
    # The argmax of a bool tensor is its first True. One exists for every target up to the number
    # of positive weights.
    first_B1 = fits_BL.to(torch.uint8).argmax(1, keepdim=True)
    scale_B1 = scale_BL.gather(1, first_B1)
    return (scale_B1 * weight_BL).clamp(max=1.0)


def clipped_marginals(weight_BL: Tensor, size_BL: Tensor, ratio: float) -> Tensor:
    """The authors' rule: ``c·w_i`` with mean ``ratio``, clipped at 1; the excess is lost.

    The realised ratio falls below ``ratio`` where probabilities saturate. Arguments and return
    value as in `exact_marginals`.
    """
    target_B1 = target_counts(size_BL, ratio).unsqueeze(1)
    weight_BL = torch.where(size_BL > 0, weight_BL, 0).double()
    total_B1 = (size_BL * weight_BL).sum(1, keepdim=True).clamp(min=1e-300)
    return (weight_BL * (target_B1 / total_B1)).clamp(max=1.0)

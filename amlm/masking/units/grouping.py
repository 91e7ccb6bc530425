"""Groups the positions of a batch into units.

Shapes: G sequences, L positions, U = L slots for the units of a sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.marginals import target_counts


@dataclass(frozen=True)
class Groups:
    """The units of each sequence, in order; unused slots come last and have size 0."""

    unit_GL: Tensor  # int64, the unit of each position
    size_GU: Tensor  # float64, maskable positions
    weight_GU: Tensor  # float64, mean weight of the maskable positions; 0 if there are none


def edges(breaks_GL: Tensor) -> Tensor:
    """Bool ``[G, L]``: the first position, positions of breaks, and those after a break."""
    edges_GL = breaks_GL.clone()
    edges_GL[:, 1:] |= breaks_GL[:, :-1]
    edges_GL[:, 0] = True
    return edges_GL


def group(begins_GL: Tensor, weight_GL: Tensor, maskable_GL: Tensor, ratio: float) -> Groups:
    """Sizes and weights of units.

    A unit with more maskable positions than its sequence is to have selected, ``ratio·n``, is cut
    into parts of that many (rounded down) and a rest. Otherwise it would hide most of its sequence
    or, selected in a fraction of the draws only, leave it without a label in the others.

    Args:
        begins_GL: bool, where units begin; true at the first position of each sequence.
        weight_GL: float32 weight of each position.
        maskable_GL: bool.
        ratio: the mask ratio p.
    """
    largest_G1 = target_counts(maskable_GL, ratio).floor().clamp(min=1).long().unsqueeze(1)
    before_GL = maskable_GL.cumsum(1) - maskable_GL.long()
    within_GL = before_GL - torch.where(begins_GL, before_GL, 0).cummax(1).values
    begins_GL = begins_GL | (maskable_GL & (within_GL % largest_G1 == 0))
    unit_GL = begins_GL.cumsum(1) - 1
    zeros_GU = torch.zeros(unit_GL.shape, dtype=torch.float64, device=unit_GL.device)
    size_GU = zeros_GU.scatter_add(1, unit_GL, maskable_GL.double())
    # Float64 holds sums of float32 weights exactly: no order of summation changes a bit.
    weight_GL = torch.where(maskable_GL, weight_GL, 0).double()
    weight_GU = zeros_GU.scatter_add(1, unit_GL, weight_GL) / size_GU.clamp(min=1)
    return Groups(unit_GL, size_GU, weight_GU)

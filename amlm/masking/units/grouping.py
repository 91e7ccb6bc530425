"""Groups the positions of a batch into units, and gives units their probabilities.

Shapes: G sequences, L positions, U = L slots for the units of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.marginals import target_counts

Marginals = Callable[[Tensor, Tensor, float], Tensor]  # see `amlm.masking.marginals`


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
        weight_GL: weight of each position, rounded to float32.
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
    weight_GL = torch.where(maskable_GL, weight_GL, 0).float().double()
    weight_GU = zeros_GU.scatter_add(1, unit_GL, weight_GL) / size_GU.clamp(min=1)
    return Groups(unit_GL, size_GU, weight_GU)


@dataclass(frozen=True)
class Chances:
    """Selection probabilities of the units of each sequence."""

    q_GU: Tensor  # float64
    size_GU: Tensor  # maskable positions
    unit_GL: Tensor | None  # int64, the unit of each position; None: each is its own
    maskable_GL: Tensor  # bool

    def at_positions(self, of_units_GU: Tensor) -> Tensor:
        """What the unit of each position has, ``[G, L]``; 0 where nothing is maskable."""
        if self.unit_GL is None:
            return of_units_GU
        return of_units_GU.gather(1, self.unit_GL) * self.maskable_GL


def chances(
    marginals: Marginals,
    weight_GL: Tensor,
    maskable_GL: Tensor,
    ratio: float,
    begins_GL: Tensor | None,
) -> Chances:
    """The probabilities at a mask ratio; differentiable with respect to the weights.

    Args:
        marginals: a rule of `amlm.masking.marginals`.
        weight_GL, maskable_GL, ratio, begins_GL: see `group`; None: every position is a unit.
    """
    if begins_GL is None:
        return Chances(marginals(weight_GL, maskable_GL, ratio), maskable_GL, None, maskable_GL)
    groups = group(begins_GL, weight_GL, maskable_GL, ratio)
    q_GU = marginals(groups.weight_GU, groups.size_GU, ratio)
    return Chances(q_GU, groups.size_GU, groups.unit_GL, maskable_GL)

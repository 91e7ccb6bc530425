"""Samplers: from selection probabilities to selected positions or larger units.

Shapes: B sequences, L positions or units of them. Both samplers select unit i with probability q_i,
and select at least one in every sequence that has a maskable position. `Systematic` does so by
construction, because ``Σ q·size`` of such a sequence is at least 1 and at least the size of any
unit. `Bernoulli` forces one when every draw of a sequence fails, which slightly raises the
probabilities in very short sequences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from amlm.masking.units.balanced import aligned_blocks, balanced, padded


def uniform(
    shape: Sequence[int],
    generator: torch.Generator,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Uniform random numbers, drawn on the host so that they are the same on every device."""
    drawn = torch.rand(tuple(shape), generator=generator, dtype=dtype)
    return drawn.to(device, non_blocking=True)


class Sampler(Protocol):
    def select(
        self, q_BL: Tensor, generator: torch.Generator, size_BL: Tensor | None = None
    ) -> Tensor:
        """Draws bool ``selected_BL`` from float64 ``q_BL``, with a host generator.

        ``size_BL``, float64, is the number of maskable positions of each unit; None: positions.
        """
        ...

    def capacity(
        self, expected: Sequence[float], first: int = 0, largest: int | None = None
    ) -> int:
        """Number of slots to reserve for the selected positions of consecutive rows of a batch.

        All of it is known on the host, so the shapes that depend on the capacity need no
        host-device synchronisation.

        Args:
            expected: expected number of selected positions of each row.
            first: number of the first of these rows in its batch.
            largest: upper bound of the size of a unit; None: positions are selected singly.
        """
        ...


@dataclass
class Systematic:
    """Systematic sampling over randomly ordered positions: the mask ratio has no noise.

    The positions of each sequence are shuffled and become intervals of width q_i, laid end to end,
    sequence after sequence. Points spaced 1 apart, with one random offset, are placed on this line.
    A position is selected if its interval contains a point, which has probability q_i because
    q_i <= 1. The count of each sequence is its expected count, rounded down or up at random, and
    the count of the batch is within one of its expected total.

    Units of several positions are shuffled too, and then drawn so that sizes add up
    (`amlm.masking.units.balanced`): probabilities are exact, and the number of selected positions
    of a sequence, and of the batch, is within one unit's size of its expected number.
    """

    def select(
        self, q_BL: Tensor, generator: torch.Generator, size_BL: Tensor | None = None
    ) -> Tensor:
        device = q_BL.device
        shuffle_BL = uniform(q_BL.shape, generator, device).argsort(dim=1)
        if size_BL is not None:
            rows, units = q_BL.shape
            drawn = uniform((padded(rows) * padded(units),), generator, device, torch.float64)
            hit_BL = balanced(q_BL.gather(1, shuffle_BL), size_BL.gather(1, shuffle_BL), drawn)
            return torch.zeros_like(hit_BL).scatter_(1, shuffle_BL, hit_BL)
        # Rows start at sums of row sums, so that rounding errors do not accumulate over rows.
        row_end_B1 = q_BL.sum(1, keepdim=True).cumsum(0)
        offset = uniform((), generator, device, torch.float64)
        row_start_B1 = torch.cat([torch.zeros_like(row_end_B1[:1]), row_end_B1[:-1]])
        edge_BL = q_BL.gather(1, shuffle_BL).cumsum(1) + row_start_B1
        # The last edge equals the next row's start bit for bit: no point can fall between them.
        edge_BL[:, -1:] = row_end_B1
        points_BL = (edge_BL + offset).floor()  # points up to the right edge of each interval
        before_BL = torch.cat([(row_start_B1 + offset).floor(), points_BL[:, :-1]], dim=1)
        hit_BL = torch.zeros_like(q_BL, dtype=torch.bool)
        hit_BL.scatter_(1, shuffle_BL, points_BL > before_BL)
        return hit_BL & (q_BL > 0)  # rounding must never select a position of probability 0

    def capacity(
        self, expected: Sequence[float], first: int = 0, largest: int | None = None
    ) -> int:
        over = 1 if largest is None else largest * aligned_blocks(first, len(expected))
        return math.floor(sum(expected) + 1e-6) + over


@dataclass
class Bernoulli:
    """Independent draws per unit, as in the authors' script: the ratio varies by batch."""

    def select(
        self, q_BL: Tensor, generator: torch.Generator, size_BL: Tensor | None = None
    ) -> Tensor:
        u_BL = uniform(q_BL.shape, generator, q_BL.device, torch.float64)
        selected_BL = u_BL < q_BL
        # A sequence without a selected position gets the one that came closest.
        closest_B1 = (u_BL / q_BL).nan_to_num(nan=math.inf).argmin(1, keepdim=True)
        force_B1 = ~selected_BL.any(1, keepdim=True) & (q_BL > 0).any(1, keepdim=True)
        return selected_BL | torch.zeros_like(selected_BL).scatter_(1, closest_B1, force_B1)

    def capacity(
        self, expected: Sequence[float], first: int = 0, largest: int | None = None
    ) -> int:
        size = largest or 1
        # All draws of a row fail with probability Π(1 − q) <= exp(−Σq), and then one is forced.
        mean = sum(row + size * math.exp(-row / size) for row in expected if row > 0)
        # Nine standard deviations above the mean (the variance is at most the mean times the size):
        # exceeded in about one batch in 10^18 (of single positions; for units the normal tail is a
        # rougher guide). Positions beyond the capacity then carry no label.
        return math.ceil(mean + 9 * math.sqrt(size * mean) + size)

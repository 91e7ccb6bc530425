"""Samplers: from selection probabilities to selected positions.

Shapes: B sequences, L positions. Both select position i with probability q_i, and at least one
position of every sequence that has any: `Fixed` by its construction, since such a sequence's
probabilities add up to 1 or more; `Bernoulli` by force, which adds a little to the probabilities of
sequences so short that its coins can all fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


def uniform(
    shape: Sequence[int],
    generator: torch.Generator,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Uniform numbers from a generator of the host, on a device: the same on each."""
    drawn = torch.rand(tuple(shape), generator=generator, dtype=dtype)
    return drawn.to(device, non_blocking=True)


class Sampler(Protocol):
    def select(self, q_BL: Tensor, generator: torch.Generator) -> Tensor:
        """Draws bool ``selected_BL`` from float64 ``q_BL``, with a generator of the host."""
        ...

    def capacity(self, expected: Sequence[float]) -> int:
        """Room for the selected positions of a batch or of consecutive rows of one.

        ``expected`` has the sum of the probabilities of each row, known on the host, so that the
        shapes that follow need no question to the device.
        """
        ...


@dataclass
class Fixed:
    """Systematic sampling over randomly ordered positions: the ratio has no noise.

    The probabilities of a sequence, in random order, are laid end to end, sequence after sequence;
    a comb with teeth one apart and a random offset falls on them. A position is selected when a
    tooth hits it: with probability q_i, since q_i <= 1 is its width. A sequence gets its expected
    count rounded down or up at random, and the batch its total, within one.
    """

    def select(self, q_BL: Tensor, generator: torch.Generator) -> Tensor:
        device = q_BL.device
        shuffle_BL = uniform(q_BL.shape, generator, device).argsort(dim=1)
        # Offsets per sequence come from the row sums, so that rounding does not pile up over rows.
        row_end_B1 = q_BL.sum(1, keepdim=True).cumsum(0)
        offset = uniform((), generator, device, torch.float64)
        row_start_B1 = torch.cat([torch.zeros_like(row_end_B1[:1]), row_end_B1[:-1]])
        edge_BL = q_BL.gather(1, shuffle_BL).cumsum(1) + row_start_B1
        # The last edge is the next row's start, to the bit: a tooth can't fall between the two.
        edge_BL[:, -1:] = row_end_B1
        teeth_BL = (edge_BL + offset).floor()
        before_BL = torch.cat([(row_start_B1 + offset).floor(), teeth_BL[:, :-1]], dim=1)
        hit_BL = torch.zeros_like(q_BL, dtype=torch.bool)
        hit_BL.scatter_(1, shuffle_BL, teeth_BL > before_BL)
        return hit_BL & (q_BL > 0)  # rounding must not select what may not be selected

    def capacity(self, expected: Sequence[float]) -> int:
        return math.floor(sum(expected) + 1e-6) + 1


@dataclass
class Bernoulli:
    """One coin per position, as in the authors' script: the ratio varies from batch to batch."""

    def select(self, q_BL: Tensor, generator: torch.Generator) -> Tensor:
        u_BL = uniform(q_BL.shape, generator, q_BL.device, torch.float64)
        selected_BL = u_BL < q_BL
        # An empty sequence gets the position that came closest.
        closest_B1 = (u_BL / q_BL).nan_to_num(nan=math.inf).argmin(1, keepdim=True)
        force_B1 = ~selected_BL.any(1, keepdim=True) & (q_BL > 0).any(1, keepdim=True)
        return selected_BL | torch.zeros_like(selected_BL).scatter_(1, closest_B1, force_B1)

    def capacity(self, expected: Sequence[float]) -> int:
        # All coins of a row fail with probability Π(1 − q) <= exp(−Σq), and then one is forced.
        mean = sum(row + math.exp(-row) for row in expected if row > 0)
        # Nine standard deviations above the mean (the variance is below it): passed about once in
        # 10^18 batches, and then the excess stays unmasked.
        return math.ceil(mean + 9 * math.sqrt(mean) + 1)

"""Balanced sampling of units of unequal sizes: exact probabilities, nearly exact totals.

The cube method (Deville & Tillé 2004) for one balancing variable, the size of a unit, as a
tournament of pairs (the pivotal method, Deville & Tillé 1998, for sizes other than 1).
Shapes: B sequences, U units.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def padded(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()


def balanced(q_BU: Tensor, size_BU: Tensor, random_N: Tensor) -> Tensor:
    """Selects unit u with probability q_u; the sizes of the selected add up to ``Σ q·size``.

    A unit's mass is its expected number of selected positions, ``q·size``. Two units fight: one
    takes mass from the other until it is full (selected) or the other is empty (not selected); the
    chances of the two outcomes keep both probabilities. The undecided one fights the undecided one
    of the next pair, first within a sequence, then between neighbouring sequences. Each fight keeps
    the sum of the masses, so in a sequence, in ``2^k`` sequences from a multiple of ``2^k`` on, and
    in the batch, the sizes of the selected units differ from the expected number by less than the
    size of one unit; the last undecided unit of the batch is rounded at random.

    Args:
        q_BU: float64 probabilities, in an order that does not matter for the joint distribution
            (shuffled).
        size_BU: float64, at least 0.
        random_N: uniform in [0, 1), N = ``padded(B)·padded(U)`` of them.

    Returns: bool ``[B, U]``.
    """
    rows, units = q_BU.shape
    more = (0, padded(units) - units, 0, padded(rows) - rows)
    mass, size = pad(q_BU * size_BU, more).flatten(), pad(size_BU, more).flatten()
    fights = []
    while len(mass) > 1:
        nodes = (mass, size, size - mass)
        (mass_a, mass_b), (size_a, size_b), (room_a, room_b) = (
            each.view(-1, 2).unbind(1) for each in nodes
        )
        total = mass_a + mass_b
        a_gains = torch.minimum(room_a, mass_b)  # if a takes from b
        b_gains = torch.minimum(room_b, mass_a)  # if b takes from a
        random, random_N = random_N.tensor_split([len(total)])
        a_takes = random * (a_gains + b_gains) < b_gains
        a_stays = torch.where(a_takes, size_a > total, total > size_b)  # is still undecided
        selected = a_stays ^ a_takes  # whether the other one is full
        fights.append((a_stays, selected))
        size = torch.where(a_stays, size_a, size_b)
        mass = total - torch.where(selected, torch.where(a_stays, size_b, size_a), 0)
    hit = random_N * size < mass
    for a_stays, selected in reversed(fights):
        pair = torch.where(a_stays, hit, selected), torch.where(a_stays, selected, hit)
        hit = torch.stack(pair, 1).flatten()
    hit_BU = hit.view(padded(rows), padded(units))[:rows, :units]
    # Rounding must not select a unit of probability 0, nor miss one of probability 1.
    return (hit_BU & (q_BU > 0)) | (q_BU >= 1)


def aligned_blocks(first: int, count: int) -> int:
    """The number of runs of ``2^k`` sequences, each from a multiple of ``2^k`` on, in a run."""
    stop, blocks = first + count, 0
    while first < stop:
        length = first & -first or padded(stop)
        while first + length > stop:
            length //= 2
        first, blocks = first + length, blocks + 1
    return blocks

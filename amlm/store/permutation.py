"""Pseudorandom permutations computed on demand: position ``i`` of an epoch is block ``permute(i)``.

Storing the permutation of a billion tokens' blocks takes 125 MB and a second. This one is evaluated
only at the positions of a step, in constant memory. It is a Feistel network (Luby & Rackoff 1988,
"How to construct pseudorandom permutations from pseudorandom functions") over the next power of
four, with cycle-walking for other ranges (Black & Rogaway 2002, "Ciphers with arbitrary finite
domains"). The round function is the finalizer of SplitMix64 (Steele, Lea & Flood 2014, "Fast
splittable pseudorandom number generators").

Shapes: G positions to evaluate, R rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
SMALLEST_HALF = 2  # bits: tiny ranges walk cycles in a larger one, where the rounds mix well
GAMMA = np.uint64(0x9E3779B97F4A7C15)


def _mix(x_G: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x_G = (x_G ^ (x_G >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x_G = (x_G ^ (x_G >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x_G ^ (x_G >> np.uint64(31))


def _round_keys(key: tuple[int, ...]) -> NDArray[np.uint64]:
    state_R = np.arange(1, ROUNDS + 1, dtype=np.uint64)
    for each in key:
        state_R = _mix(state_R * GAMMA + np.uint64(each))
    return state_R


def permute(positions_G: NDArray[np.int64], count: int, *key: int) -> NDArray[np.int64]:
    """Evaluates a keyed permutation of ``0 ... count - 1`` at some positions.

    Args:
        positions_G: each in ``0 ... count - 1``.
        count: size of the permuted range.
        key: non-negative integers that select the permutation, e.g. a seed and an epoch.
    """
    half = max(SMALLEST_HALF, -(-max(count - 1, 1).bit_length() // 2))
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    round_keys = _round_keys(key)
    result_G = positions_G.astype(np.uint64)
    walking = np.ones(len(result_G), dtype=bool)
    while walking.any():
        x = result_G[walking]
        left, right = x >> shift, x & mask
        for round_key in round_keys:
            left, right = right, left ^ (_mix(right ^ round_key) & mask)
        result_G[walking] = (left << shift) | right
        walking = result_G >= np.uint64(count)
    return result_G.astype(np.int64)

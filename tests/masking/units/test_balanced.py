"""Balanced sampling against the exact distribution over sets of units (all orders of a small row
and all outcomes of their tournament enumerated in fractions), probabilities over many draws, and
totals in every run of sequences. The bounds must reject samplers that keep the total but not the
probabilities, and the reverse.

Draws are seeded. A bound of 6 standard deviations is exceeded by chance once in 5·10^8 comparisons.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from amlm.masking.sampler import Systematic
from amlm.masking.units.balanced import aligned_blocks, balanced, padded

Select = Callable[[Tensor, torch.Generator, Tensor], Tensor]
BOUND = 6.0
Node = tuple[int | None, Fraction, int]  # unit (None: an unused slot), mass, size
Outcome = tuple[frozenset[int], Fraction]


def rows(rng: np.random.Generator, count: int, units: int) -> tuple[Tensor, Tensor]:
    """Probabilities and sizes with unused slots, zeros, ones, and an empty row."""
    size = rng.integers(1, 6, size=(count, units)).astype(float)
    size[rng.random(size.shape) < 0.2] = 0
    q = rng.random(size.shape) ** rng.choice([0.5, 1, 3], size=(count, 1))
    q[rng.random(q.shape) < 0.1] = 0
    q[rng.random(q.shape) < 0.1] = 1
    q[size == 0] = 0
    q[-1], size[-1] = 0, 0
    return torch.from_numpy(q), torch.from_numpy(size)


def select(q: Tensor, generator: torch.Generator, size: Tensor) -> Tensor:
    return Systematic().select(q, generator, size)


def coin_flips(q_BU: Tensor, generator: torch.Generator, size_BU: Tensor) -> Tensor:
    """Incorrect: either outcome of a fight with probability one half (a chance of 0 stays 0)."""
    n = padded(len(q_BU)) * padded(q_BU.shape[1])
    coins = torch.randint(2, (n,), generator=generator).double() * 0.999999
    return balanced(q_BU, size_BU, coins.clamp(min=1e-12))


def by_mass(q_BU: Tensor, generator: torch.Generator, size_BU: Tensor) -> Tensor:
    """Incorrect: systematic sampling of units by their expected positions, not their chances."""
    width_BU = q_BU * size_BU
    scaled_BU = (width_BU * q_BU.sum() / width_BU.sum()).clamp(max=1)
    return Systematic().select(scaled_BU, generator)


def whatever_the_size(q_BU: Tensor, generator: torch.Generator, size_BU: Tensor) -> Tensor:
    """Right probabilities, but the number of positions varies."""
    return Systematic().select(q_BU, generator)


def draws(sampler: Select, q: Tensor, size: Tensor, times: int, seed: int = 0) -> Tensor:
    """Bool ``[times, B, U]``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([sampler(q, generator, size) for _ in range(times)])


def copies(sampler: Select, q: Tensor, size: Tensor, times: int, each: int = 50) -> Tensor:
    """The same from batches of ``each`` copies, for what does not depend on the rest of a batch.

    Copies depend on each other through their last undecided unit alone, which lowers the variance
    of a frequency: the bounds hold all the more.
    """
    drawn = draws(sampler, q.repeat(each, 1), size.repeat(each, 1), -(-times // each))
    return drawn.view(-1, *q.shape)


def largest_z(drawn: Tensor, q: Tensor) -> float:
    """Largest distance of a selection frequency from its probability, in standard deviations."""
    inner = (q > 0) & (q < 1)
    expected = q[inner]
    sigma = (expected * (1 - expected) / len(drawn)).sqrt()
    return float(((drawn[:, inner].double().mean(0) - expected) / sigma).abs().max())


def test_every_unit_has_its_probability_and_wrong_samplers_do_not() -> None:
    q_BU, size_BU = rows(np.random.default_rng(0), 6, 11)
    drawn = copies(select, q_BU, size_BU, 10_000)
    assert not drawn[:, q_BU == 0].any() and drawn[:, q_BU == 1].all()
    assert largest_z(drawn, q_BU) < BOUND
    for wrong in (coin_flips, by_mass):
        assert largest_z(copies(wrong, q_BU, size_BU, 5_000), q_BU) > 2 * BOUND
    assert largest_z(copies(whatever_the_size, q_BU, size_BU, 5_000), q_BU) < BOUND


def deviations(drawn: Tensor, q: Tensor, size: Tensor, first: int, count: int) -> Tensor:
    """Selected minus expected positions of a run of rows, in units of its largest size."""
    run = slice(first, first + count)
    found = (drawn[:, run] * size[run]).sum((1, 2))
    return (found - (q * size)[run].sum()).abs() / size[run].max().clamp(min=1)


def test_totals_of_rows_runs_and_batches_are_within_one_unit() -> None:
    rng = np.random.default_rng(1)
    for count, units in ((8, 16), (12, 7), (5, 33), (1, 1), (3, 1)):
        q, size = rows(rng, count, units)
        drawn = draws(select, q, size, 60)
        assert drawn.dtype == torch.bool and drawn.shape == (60, count, units)
        assert (deviations(drawn, q, size, 0, count) < 1).all()  # the rows are padded with nothing
        for first in range(count):
            assert (deviations(drawn, q, size, first, 1) < 1).all()
            for length in range(1, count - first + 1):
                blocks = aligned_blocks(first, length)
                assert (deviations(drawn, q, size, first, length) < blocks).all()
    q, size = rows(rng, 8, 16)
    assert (deviations(draws(whatever_the_size, q, size, 60), q, size, 0, 8) > 1).any()


def test_the_total_is_not_biased() -> None:
    q, size = rows(np.random.default_rng(2), 4, 9)
    totals = (draws(select, q, size, 1_000) * size).sum((1, 2))
    error = float(totals.std()) / math.sqrt(len(totals))
    assert abs(float(totals.mean() - (q * size).sum())) < BOUND * error
    assert float(totals.std()) > 0


def full(node: Node) -> frozenset[int]:
    unit, mass, size = node
    return frozenset() if unit is None or mass < size else frozenset([unit])


def fight(a: Node, b: Node) -> list[tuple[Node, frozenset[int], Fraction]]:
    """Undecided unit, units decided to be selected, and probability of each outcome."""
    (u, m, n), (v, k, o) = a, b
    if a[0] is None or b[0] is None or m in (0, n) or k in (0, o):  # nothing to exchange
        done, stays = (a, b) if a[0] is None or (m in (0, n) and b[0] is not None) else (b, a)
        return [(stays, full(done), Fraction(1))]
    up, down = min(n - m, k), min(o - k, m)
    outcomes = []
    for gain, chance in ((up, down), (-down, up)):
        x, y = (u, m + gain, n), (v, k - gain, o)
        done, stays = (x, y) if x[1] in (0, n) else (y, x)
        outcomes.append((stays, full(done), chance / (up + down)))
    return outcomes


def tournament(nodes: list[Node]) -> dict[frozenset[int], Fraction]:
    """Exact probability of each set of selected units, for one order."""
    if len(nodes) == 1:
        unit, mass, size = nodes[0]
        if unit is None or mass in (0, size):
            return {frozenset([unit] if unit is not None and mass else []): Fraction(1)}
        chance = mass / size
        return {frozenset([unit]): chance, frozenset(): 1 - chance}
    result: defaultdict[frozenset[int], Fraction] = defaultdict(Fraction)
    pairs = [fight(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
    for outcome in itertools.product(*pairs):
        chance = math.prod((o[2] for o in outcome), start=Fraction(1))
        chosen = frozenset().union(*(o[1] for o in outcome))
        for rest, p in tournament([o[0] for o in outcome]).items():
            result[chosen | rest] += chance * p
    return result


@pytest.mark.parametrize(
    ("q", "sizes"),
    [
        (["1/2", "1/4", "2/5"], [1, 2, 3]),
        (["1/3", "3/4", "1/5", "1/2"], [3, 1, 2, 1]),
        (["2/5", "2/5", "2/5", "2/5"], [1, 1, 1, 1]),
    ],
)
def test_sets_have_the_enumerated_distribution(q: list[str], sizes: list[int]) -> None:
    chances = [Fraction(each) for each in q]
    units: list[Node] = [(i, p * n, n) for i, (p, n) in enumerate(zip(chances, sizes, strict=True))]
    units += [(None, Fraction(0), 0)] * (4 - len(units))
    # The order is drawn within the units; unused slots of the padding come last.
    orders = list(itertools.permutations(range(len(q))))
    expected: defaultdict[frozenset[int], Fraction] = defaultdict(Fraction)
    for order in orders:
        nodes = [*(units[i] for i in order), *units[len(q) :]]
        for chosen, p in tournament(nodes).items():
            expected[chosen] += p / len(orders)
    assert sum(expected.values()) == 1
    for i, chance in enumerate(chances):  # the enumeration has the right probabilities, exactly
        assert sum(p for chosen, p in expected.items() if i in chosen) == chance

    times = 10_000
    q_1U = torch.tensor([[float(p) for p in chances]], dtype=torch.float64)
    size_1U = torch.tensor([sizes], dtype=torch.float64)
    drawn = copies(select, q_1U, size_1U, times)[:, 0]
    seen = Counter(frozenset(np.flatnonzero(row).tolist()) for row in drawn.numpy())
    possible = {chosen: float(p) for chosen, p in expected.items() if p}
    assert seen.keys() <= possible.keys()
    statistic = sum((seen[c] - times * p) ** 2 / (times * p) for c, p in possible.items())
    freedom, x = len(possible) - 1, math.log(1e6)  # a p-value of 10^-6 (Laurent & Massart 2000)
    assert statistic < freedom + 2 * math.sqrt(freedom * x) + 2 * x


def test_equal_units_are_selected_together_as_often_as_any_two() -> None:
    # 24 units of 2 positions, 6 of them selected: any pair has probability 6·5 / (24·23).
    q, size = torch.full((2, 24), 0.25).double(), torch.full((2, 24), 2.0).double()
    drawn = copies(select, q, size, 10_000)
    assert (drawn.sum(2) == 6).all()
    together = torch.full((23,), 6 * 5 / (24 * 23), dtype=torch.float64)
    for row in range(2):
        assert largest_z(drawn[:, row, :-1] & drawn[:, row, 1:], together) < BOUND
    across = torch.full((24,), 0.25**2, dtype=torch.float64)
    assert largest_z(drawn[:, 0] & drawn[:, 1], across) < BOUND


def test_aligned_blocks_by_hand() -> None:
    assert [aligned_blocks(0, n) for n in (1, 2, 3, 4, 12, 32)] == [1, 1, 2, 1, 2, 1]
    assert [aligned_blocks(first, 4) for first in (4, 8, 2, 1)] == [1, 1, 2, 3]
    assert [padded(n) for n in (1, 2, 3, 4, 5, 64)] == [1, 2, 4, 4, 8, 64]

"""Samplers against their target probabilities, position by position over many draws, and against
the exact distribution over sets of positions (all orders and offsets of a small row enumerated).
The same bounds must reject incorrect samplers: weighted draws without replacement, and systematic
sampling without shuffling.

The draws are seeded. A bound of 6 standard deviations is exceeded by chance once in 5·10^8
comparisons, of which there are a few thousand; the chi-square bound once in 10^6.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from amlm.masking.sampler import Bernoulli, Sampler, Systematic

Select = Callable[[Tensor, torch.Generator], Tensor]
BOUND = 6.0
SAMPLERS: list[Sampler] = [Systematic(), Bernoulli()]
IDS = ["systematic", "bernoulli"]

# Rows sum to 3, with a wide range of probabilities; rows 2 and 3 contain zeros and ones.
Q_THREE = torch.tensor(
    [
        [0.95, 0.05, 0.90, 0.40, 0.10, 0.35, 0.20, 0.05],
        [0.60, 0.80, 0.10, 0.50, 0.10, 0.70, 0.10, 0.10],
        [0.00, 1.00, 0.30, 0.00, 0.70, 0.55, 0.25, 0.20],
        [0.00, 0.00, 0.90, 0.85, 0.00, 0.45, 0.60, 0.20],
    ],
    dtype=torch.float64,
)
# Rows sum to 2.35, 1, 0, 3.71 and 1.9.
Q_MIXED = torch.tensor(
    [
        [0.95, 0.05, 0.90, 0.05, 0.10, 0.05, 0.20, 0.05],
        [0.00, 0.30, 0.10, 0.00, 0.10, 0.30, 0.10, 0.10],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00],
        [1.00, 1.00, 0.31, 0.00, 0.70, 0.20, 0.25, 0.25],
        [0.00, 0.00, 0.20, 1.00, 0.00, 0.00, 0.70, 0.00],
    ],
    dtype=torch.float64,
)


def draws(select: Select, q_BL: Tensor, times: int = 10_000, seed: int = 0) -> Tensor:
    """Bool ``[times, B, L]``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([select(q_BL, generator) for _ in range(times)])


def largest_z(drawn: Tensor, q: Tensor) -> float:
    """Largest distance of a selection frequency from its probability, in standard deviations."""
    assert not drawn[:, q == 0].any(), "selected a position of probability 0"
    assert drawn[:, q == 1].all(), "missed a position of probability 1"
    inner = (q > 0) & (q < 1)
    expected = q[inner]
    frequency = drawn[:, inner].double().mean(0)
    sigma = (expected * (1 - expected) / len(drawn)).sqrt()
    return float(((frequency - expected) / sigma).abs().max())


def pairs(drawn_NL: Tensor) -> Tensor:
    """Bool ``[N, L-1]``: whether a position and its right neighbour were selected together."""
    return drawn_NL[:, :-1] & drawn_NL[:, 1:]


def without_replacement(q_BL: Tensor, generator: torch.Generator) -> Tensor:
    """Incorrect: Σq distinct positions with weights q. Right count, wrong probabilities."""
    count = round(q_BL[0].sum().item())
    chosen = torch.multinomial(q_BL, count, replacement=False, generator=generator)
    return torch.zeros_like(q_BL, dtype=torch.bool).scatter_(1, chosen, True)


def without_shuffling(q_BL: Tensor, generator: torch.Generator) -> Tensor:
    """Incorrect: systematic sampling in the given order. Only single probabilities are right."""
    points = (q_BL.flatten().cumsum(0) + torch.rand((), generator=generator)).floor()
    first = torch.zeros(1, dtype=torch.float64)
    return (points > torch.cat([first, points[:-1]])).view_as(q_BL) & (q_BL > 0)


def test_systematic_selects_each_position_with_its_probability() -> None:
    q_BL = torch.cat([Q_MIXED, Q_THREE])
    assert largest_z(draws(Systematic().select, q_BL, 20_000), q_BL) < BOUND


def test_the_bound_rejects_draws_without_replacement() -> None:
    q_BL = Q_THREE[:2]  # the other rows contain ones, which alone would reveal the error
    drawn = draws(without_replacement, q_BL)
    assert (drawn.sum(2) == 3).all()
    assert largest_z(drawn, q_BL) > 5 * BOUND
    assert largest_z(drawn[:1000], q_BL) > BOUND  # a tenth of the draws is enough


def set_probabilities(q: list[float]) -> dict[tuple[int, ...], float]:
    """Exact probability of each set under systematic sampling in a random order."""
    probabilities: defaultdict[tuple[int, ...], float] = defaultdict(float)
    orders = list(itertools.permutations(range(len(q))))
    for order in orders:
        edges = [0.0, *itertools.accumulate(q[i] for i in order)]
        cuts = sorted({0.0, 1.0, *((-edge) % 1 for edge in edges)})
        for low, high in itertools.pairwise(cuts):
            offset = (low + high) / 2  # between two cuts the selected set does not change
            points = [math.floor(edge + offset) for edge in edges]
            chosen = [order[k] for k in range(len(q)) if points[k + 1] > points[k]]
            probabilities[tuple(sorted(chosen))] += (high - low) / len(orders)
    return {chosen: p for chosen, p in probabilities.items() if p > 1e-12}


def chi_square(
    drawn_NL: Tensor, probabilities: dict[tuple[int, ...], float]
) -> tuple[float, float]:
    """The statistic, and its bound at a p-value of 10^-6 (Laurent & Massart 2000, lemma 1)."""
    seen = Counter(tuple(np.flatnonzero(row).tolist()) for row in drawn_NL.numpy())
    assert seen.keys() <= probabilities.keys(), "a set of probability 0"
    assert min(probabilities.values()) * len(drawn_NL) > 5
    statistic = sum(
        (seen[chosen] - len(drawn_NL) * p) ** 2 / (len(drawn_NL) * p)
        for chosen, p in probabilities.items()
    )
    freedom, x = len(probabilities) - 1, math.log(1e6)
    return statistic, freedom + 2 * math.sqrt(freedom * x) + 2 * x


@pytest.mark.parametrize("q", [[0.45, 0.7, 0.25, 0.6, 0.35], [0.9, 0.15, 0.4, 0.05, 0.5]])
def test_systematic_has_the_enumerated_distribution_over_sets(q: list[float]) -> None:
    probabilities = set_probabilities(q)
    assert sum(probabilities.values()) == pytest.approx(1)
    for i, each in enumerate(q):  # the enumeration itself has the right marginals
        assert sum(p for chosen, p in probabilities.items() if i in chosen) == pytest.approx(each)
    q_1L = torch.tensor([q], dtype=torch.float64)
    statistic, bound = chi_square(draws(Systematic().select, q_1L)[:, 0], probabilities)
    assert statistic < bound
    drawn = draws(without_shuffling, q_1L)
    assert largest_z(drawn, q_1L) < BOUND  # single probabilities do not reveal the error
    statistic, bound = chi_square(drawn[:, 0], probabilities)
    assert statistic > 5 * bound


def test_systematic_selects_neighbours_as_often_as_any_two_positions() -> None:
    # Equal probabilities, 10 of 40 per row: any pair has probability 10·9 / (40·39).
    q_BL = torch.full((3, 40), 0.25, dtype=torch.float64)
    together = torch.full((39,), 10 * 9 / (40 * 39), dtype=torch.float64)
    drawn = draws(Systematic().select, q_BL, 6_000)
    for row in range(3):
        assert largest_z(pairs(drawn[:, row]), together) < BOUND
    # Rows are shuffled independently: the same column of two rows is an independent pair.
    in_two_rows = torch.full((40,), 0.25**2, dtype=torch.float64)
    for row in range(3):
        assert largest_z(drawn[:, row] & drawn[:, row - 1], in_two_rows) < BOUND
    incorrect = draws(without_shuffling, q_BL, 6_000)
    assert largest_z(incorrect, q_BL) < BOUND
    assert largest_z(pairs(incorrect[:, 0]), together) > 2 * BOUND


def random_q(rng: np.random.Generator, rows: int, length: int) -> Tensor:
    """Probabilities in [0, 1] with zeros, ones, empty rows and rows whose sum is an integer."""
    q = rng.random((rows, length)) ** rng.choice([0.3, 1, 3], size=(rows, 1))
    q[rng.random(q.shape) < 0.2] = 0
    q[rng.random(q.shape) < 0.05] = 1
    q[rng.random(rows) < 0.1] = 0
    for row in np.flatnonzero(rng.random(rows) < 0.3):
        q[row] = rng.integers(1, length + 1) / length
    return torch.from_numpy(q)


def test_systematic_counts_are_floor_or_ceil_and_never_exceed_the_capacity() -> None:
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    sampler = Systematic()
    both = set()
    for _ in range(300):
        q_BL = random_q(rng, int(rng.integers(1, 20)), int(rng.integers(1, 40)))
        selected_BL = sampler.select(q_BL, generator)
        assert selected_BL.dtype == torch.bool and selected_BL.shape == q_BL.shape
        assert not selected_BL[q_BL == 0].any() and selected_BL[q_BL == 1].all()
        sums, counts = q_BL.sum(1).tolist(), selected_BL.sum(1).tolist()
        for total, count in zip(sums, counts, strict=True):
            assert math.floor(total + 1e-9) <= count <= math.ceil(total - 1e-9)
            both.add(count > total)
        for start in range(len(q_BL)):
            for stop in range(start + 1, len(q_BL) + 1):
                expected, count = sum(sums[start:stop]), sum(counts[start:stop])
                assert abs(count - expected) < 1 + 1e-9
                assert count <= sampler.capacity([expected])
    assert both == {False, True}
    assert [sampler.capacity([x]) for x in (0.0, 1.0, 2.4, 5.999)] == [1, 2, 3, 6]


def test_systematic_total_of_a_batch_has_no_noise() -> None:
    # Rows of 2.4, 2.8, 1.3 ... expected positions sum to 16, which every draw selects.
    rng = np.random.default_rng(1)
    sums = np.array([2.4, 2.8, 1.3, 3.6, 4.2, 1.7])
    q = np.stack([total * rng.dirichlet(np.full(12, 9.0)) for total in sums])
    assert q.max() < 1
    drawn = draws(Systematic().select, torch.from_numpy(q), 2_000)
    assert (drawn.sum((1, 2)) == 16).all()
    counts_NB = drawn.sum(2)
    for row, total in enumerate(sums):
        assert set(counts_NB[:, row].tolist()) == {math.floor(total), math.ceil(total)}
    half = torch.from_numpy(q[:3])  # 6.5
    assert set(draws(Systematic().select, half, 500).sum((1, 2)).tolist()) == {6, 7}


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
def test_every_row_with_a_maskable_position_gets_at_least_one(sampler: Sampler) -> None:
    q = np.zeros((8, 30))
    rng = np.random.default_rng(2)
    for row, n in enumerate((1, 2, 3, 5, 6, 6, 6)):  # the last row stays empty
        q[row, rng.permutation(30)[:n]] = rng.dirichlet(np.full(n, 0.5 if row == 5 else 20.0))
    q_BL = torch.from_numpy(q)
    counts_NB = draws(sampler.select, q_BL, 2_000).sum(2)
    assert (counts_NB[:, :7] >= 1).all()
    assert (counts_NB[:, 7] == 0).all()
    if isinstance(sampler, Systematic):
        assert (counts_NB[:, :7] == 1).all()


def test_bernoulli_draws_are_independent() -> None:
    rng = np.random.default_rng(3)
    q_BL = torch.from_numpy(0.2 + 0.6 * rng.random((3, 32)))  # an empty row: once in 10^9
    q_BL[0, 4], q_BL[1, 9] = 1, 0
    drawn = draws(Bernoulli().select, q_BL)
    assert largest_z(drawn, q_BL) < BOUND
    for row in range(3):
        together = q_BL[row, :-1] * q_BL[row, 1:]
        assert largest_z(pairs(drawn[:, row]), together) < BOUND
    across = drawn[:, 0] & drawn[:, 2]
    assert largest_z(across, q_BL[0] * q_BL[2]) < BOUND
    # The count of a batch has the variance of independent draws, unlike systematic sampling.
    variance = float((q_BL * (1 - q_BL)).sum())
    assert drawn.sum((1, 2)).double().var().item() == pytest.approx(variance, rel=0.1)


def with_forced(q: list[float]) -> list[float]:
    """Exact probabilities of a row that gets the position of smallest u/q when all draws fail.

    Position i is forced with u_i = q_i·r, r > 1, when u_j > q_j·r for all others:
    q_i · ∫ Π (1 − q_j·r) dr, from 1 to where a factor reaches 0.
    """
    inside = [each for each in q if each > 0]
    r = np.linspace(1, 1 / max(inside), 10_001)
    probabilities = []
    for i, each in enumerate(q):
        others = [1 - q_j * r for j, q_j in enumerate(q) if j != i]
        product = each * np.prod(others, axis=0)
        probabilities.append(each + float(np.sum((product[1:] + product[:-1]) / 2 * np.diff(r))))
    return probabilities


@pytest.mark.parametrize("q", [[0.25, 0, 0.25, 0.25, 0, 0.25], [0.5, 0.05, 0.0, 0.3, 0.15]])
def test_bernoulli_forces_the_position_of_smallest_u_over_q(q: list[float]) -> None:
    expected = with_forced(q)
    none = math.prod(1 - each for each in q)
    assert sum(expected) == pytest.approx(sum(q) + none)  # one position when all draws fail
    q_1L = torch.tensor([q], dtype=torch.float64)
    drawn = draws(Bernoulli().select, q_1L)
    assert drawn.any(2).all()
    assert largest_z(drawn[:, 0], torch.tensor(expected, dtype=torch.float64)) < BOUND
    with pytest.raises(AssertionError):  # the forced positions are noticeable
        assert largest_z(drawn, q_1L) < BOUND


def test_bernoulli_capacity_is_rarely_reached_and_below_twice_the_expectation() -> None:
    rng = np.random.default_rng(4)
    q_BL = torch.from_numpy(0.02 + 0.26 * rng.random((16, 64)))
    sampler = Bernoulli()
    rows = q_BL.sum(1).tolist()
    totals = draws(sampler.select, q_BL, 3_000).sum((1, 2))
    assert totals.max() <= sampler.capacity(rows) < 2 * sum(rows)
    # At least six standard deviations above the mean.
    assert totals.double().mean() + 6 * totals.double().std() < sampler.capacity(rows)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
def test_draws_depend_on_the_given_generator_alone(sampler: Sampler) -> None:
    q_BL = random_q(np.random.default_rng(5), 8, 64)
    before, kept = torch.get_rng_state(), q_BL.clone()
    first, second = (draws(sampler.select, q_BL, 3, seed=7) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, draws(sampler.select, q_BL, 3, seed=8))
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(q_BL, kept)

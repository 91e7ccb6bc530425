"""Signals against counts and scores calculated by hand: which positions count, the score of a type
that was never predicted, and what happens when all types have the same score."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.masking.signals.uniform import Uniform

V = 6
SIGNALS: list[Signal] = [Hard(), Soft(), Uniform()]


def empty(signal: Signal, size: int = V) -> dict[str, Tensor]:
    return {name: torch.zeros(size, dtype=dtype) for name, dtype in signal.counters().items()}


def predictions(rows: list[tuple[int, bool, float, bool, bool]]) -> Predictions:
    """From (label, correct, nll, shows [MASK], valid)."""
    labels, correct, nll, shows, valid = zip(*rows, strict=True)
    return Predictions(*map(torch.tensor, (labels, correct, nll, shows, valid)))


# Type 2: masked and correct, masked and incorrect, random and correct, kept and correct, and an
# unused slot. Type 3: masked and correct. Type 5: random and incorrect. Types 0, 1, 4: unseen.
BATCH = predictions(
    [
        (2, True, 0.5, True, True),
        (2, False, 3.0, True, True),
        (2, True, 7.0, False, True),
        (2, True, 0.25, False, True),
        (2, True, 90.0, True, False),
        (3, True, 0.1, True, True),
        (5, False, 8.0, False, True),
    ]
)


def test_hard_counts_every_labelled_position() -> None:
    statistics = empty(Hard())
    Hard().observe(statistics, BATCH)
    assert statistics["correct"].tolist() == [0, 0, 3, 1, 0, 0]
    assert statistics["total"].tolist() == [0, 0, 4, 1, 0, 1]
    # (correct + 0.5) / (correct + incorrect + 1)
    expected = [0.5, 0.5, 3.5 / 5, 1.5 / 2, 0.5, 0.5 / 2]
    assert Hard().score(statistics).tolist() == pytest.approx(expected, rel=1e-15)


def test_soft_counts_only_positions_that_show_mask() -> None:
    statistics = empty(Soft())
    Soft().observe(statistics, BATCH)
    assert statistics["loss"].tolist() == pytest.approx([0, 0, 3.5, 0.1, 0, 0], rel=1e-7)
    assert statistics["total"].tolist() == [0, 0, 2, 1, 0, 0]
    u = math.log(V)
    mean = [u, u, (3.5 + u) / 3, (0.1 + u) / 2, u, u]
    low = (0.1 + u) / 2
    expected = [1 - (each - low) / (u - low) for each in mean]
    score_V = Soft().score(statistics)
    assert score_V.tolist() == pytest.approx(expected, rel=1e-7, abs=1e-12)
    assert score_V[3] == 1 and score_V[0] == 0


def test_soft_scores_a_type_worse_than_a_uniform_guess_below_an_unseen_one() -> None:
    statistics = empty(Soft())
    Soft().observe(statistics, predictions([(1, False, 9.0, True, True), (2, True, 0, True, True)]))
    score_V = Soft().score(statistics)
    u = math.log(V)
    assert score_V[1] == 0 and score_V[2] == 1
    high, low = (9 + u) / 2, u / 2
    assert score_V[0].item() == pytest.approx(1 - (u - low) / (high - low), rel=1e-12)


def test_uniform_counts_like_hard_and_scores_one_half() -> None:
    hard, uniform = empty(Hard()), empty(Uniform())
    Hard().observe(hard, BATCH)
    Uniform().observe(uniform, BATCH)
    assert hard.keys() == uniform.keys()
    assert all(torch.equal(hard[name], uniform[name]) for name in hard)
    score_V = Uniform().score(uniform)
    assert score_V.tolist() == [0.5] * V and score_V.dtype == torch.float64


@pytest.mark.parametrize("signal", SIGNALS, ids=["hard", "soft", "uniform"])
def test_every_score_is_one_half_before_any_observation(signal: Signal) -> None:
    score_V = signal.score(empty(signal, 1000))
    assert score_V.tolist() == [0.5] * 1000
    assert score_V.dtype == torch.float64


def test_soft_scores_one_half_when_all_types_have_the_same_loss() -> None:
    statistics = empty(Soft())
    uniform_guess = torch.full((3,), math.log(V), dtype=torch.float64)
    shows = torch.ones(3, dtype=torch.bool)
    Soft().observe(
        statistics, Predictions(torch.tensor([1, 4, 5]), ~shows, uniform_guess, shows, shows)
    )
    assert statistics["total"].sum() == 3
    assert Soft().score(statistics).tolist() == [0.5] * V
    # All types predicted perfectly, equally often.
    every = torch.arange(V)
    shows = torch.ones(V, dtype=torch.bool)
    statistics = empty(Soft())
    Soft().observe(statistics, Predictions(every, shows, torch.zeros(V), shows, shows))
    assert Soft().score(statistics).tolist() == [0.5] * V


def test_soft_ignores_nan_and_infinity_at_positions_that_do_not_count() -> None:
    statistics = empty(Soft())
    Soft().observe(
        statistics,
        predictions(
            [
                (1, False, math.nan, True, False),
                (2, False, math.inf, False, True),
                (3, False, math.nan, False, False),
                (4, True, 1.0, True, True),
            ]
        ),
    )
    assert statistics["loss"].tolist() == [0, 0, 0, 0, 1, 0]
    score_V = Soft().score(statistics)
    assert score_V.isfinite().all()
    assert score_V.tolist() == [0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_soft_accumulates_losses_in_float64(dtype: torch.dtype) -> None:
    # 4096 + 1/4096 does not fit into float32.
    nll = torch.tensor([4096.0, 1 / 4096], dtype=dtype)
    yes = torch.ones(2, dtype=torch.bool)
    statistics = empty(Soft())
    Soft().observe(statistics, Predictions(torch.tensor([3, 3]), yes, nll, yes, yes))
    assert statistics["loss"][3].item() == 4096 + 1 / 4096


@pytest.mark.parametrize("signal", SIGNALS, ids=["hard", "soft", "uniform"])
def test_statistics_of_batches_sum_to_those_of_their_union(signal: Signal) -> None:
    generator = torch.Generator().manual_seed(0)
    size = 500
    labels = torch.randint(0, V - 1, (size,), generator=generator)  # with repeated labels
    flags = [torch.rand(size, generator=generator) < 0.7 for _ in range(3)]
    nll = torch.rand(size, generator=generator) * 8
    together, apart = empty(signal), empty(signal)
    signal.observe(together, Predictions(labels, flags[0], nll, flags[1], flags[2]))
    for part in (slice(0, 17), slice(17, 18), slice(18, size)):
        signal.observe(
            apart,
            Predictions(labels[part], flags[0][part], nll[part], flags[1][part], flags[2][part]),
        )
    for name, sums in together.items():
        assert torch.equal(sums, apart[name])
        assert sums[:-1].all() and not sums[-1]
    score_V = signal.score(together)
    assert ((score_V >= 0) & (score_V <= 1)).all()


@pytest.mark.parametrize("signal", SIGNALS, ids=["hard", "soft", "uniform"])
def test_scoring_does_not_modify_the_statistics(signal: Signal) -> None:
    statistics = empty(signal)
    signal.observe(statistics, BATCH)
    before = {name: sums.clone() for name, sums in statistics.items()}
    signal.score(statistics)
    assert all(torch.equal(before[name], sums) for name, sums in statistics.items())

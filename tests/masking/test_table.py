"""50 updates through MaskingPolicy.observe and update against the paper's formulas (Edman & Fraser
2025) transcribed in plain Python, one type at a time; against values calculated by hand; two ranks
that sum their statistics against one that saw everything."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Systematic
from amlm.masking.schedule import Linear
from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.masking.signals.uniform import Uniform
from amlm.masking.table import update_table
from amlm.tokenizers.special_tokens import SpecialIds

V, WINDOWS, EVERY = 40, 50, 20
TOTAL = WINDOWS * EVERY
EASY = 7  # a type that is predicted often and always right


class Literal:
    """The paper's table, one type at a time, with pseudo-counts where the paper has them."""

    def __init__(self, signal: str) -> None:
        self.signal = signal
        self.w = [0.40] * V
        self.reset()

    def reset(self) -> None:
        self.correct, self.incorrect = [0] * V, [0] * V
        self.loss, self.total = [math.log(V)] * V, [1] * V

    def see(self, batch: Predictions) -> None:
        for m, v in enumerate(batch.labels_M.tolist()):
            if not batch.valid_M[m]:
                continue
            if batch.correct_M[m]:
                self.correct[v] += 1
            else:
                self.incorrect[v] += 1
            if batch.shows_mask_M[m]:
                self.loss[v] += float(batch.nll_M[m])
                self.total[v] += 1

    def scores(self) -> list[float]:
        if self.signal == "hard":
            return [
                (self.correct[v] + 0.5) / (self.correct[v] + self.incorrect[v] + 1)
                for v in range(V)
            ]
        n = [self.loss[v] / self.total[v] / math.log(V) for v in range(V)]
        if max(n) == min(n):
            return [0.5] * V
        return [1 - (n[v] - min(n)) / (max(n) - min(n)) for v in range(V)]

    def update(self, p: float) -> float:
        """Returns the fraction of types below the floor."""
        score = self.scores()
        w = [0.2 * self.w[v] + 0.8 * (p * (1 - score[v])) for v in range(V)]
        below = sum(each < 0.005 for each in w) / V
        w = [max(each, 0.005) for each in w]
        mean = sum(w) / V
        self.w = [each * p / mean for each in w]
        self.reset()
        return below


def policy(signal: Signal) -> MaskingPolicy:
    return MaskingPolicy(
        V,
        TOTAL,
        signal=signal,
        schedule=Linear(0.40, 0.15),
        sampler=Systematic(),
        replacement=Replacement(),
        special=SpecialIds(),
    )


def window(seed: int) -> list[Predictions]:
    """Batches of a window: frequent, rare and (three) absent types; some slots are not valid."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, V + 1) ** 1.2
    shares[[0, 1, 20]] = 0
    shares[EASY] = 1.0
    difficulty = rng.random(V)
    difficulty[EASY] = 0.0
    batches = []
    for size in rng.integers(1, 900, size=0 if seed % 9 == 4 else rng.integers(1, 4)):
        labels = rng.choice(V, size=size, p=shares / shares.sum())
        nll = rng.exponential(6 * difficulty[labels] + 1e-3).astype(np.float32)
        batches.append(
            Predictions(
                labels_M=torch.from_numpy(labels),
                correct_M=torch.from_numpy(rng.random(size) >= difficulty[labels]),
                nll_M=torch.from_numpy(nll),
                shows_mask_M=torch.from_numpy(rng.random(size) < 0.8),
                valid_M=torch.from_numpy(rng.random(size) < 0.9),
            )
        )
    return batches


@pytest.mark.parametrize("name", ["hard", "soft"])
def test_50_updates_equal_the_formulas(name: str) -> None:
    ours, literal = policy(Hard() if name == "hard" else Soft()), Literal(name)
    assert ours.table_V.tolist() == pytest.approx(literal.w, rel=1e-6)
    floored, ranges, empty = [], [], 0
    for t in range(1, WINDOWS + 1):
        batches = window(t)
        empty += not batches
        for batch in batches:
            ours.observe(batch)
            literal.see(batch)
        p = 0.40 - 0.25 * t / WINDOWS
        fraction = float(ours.update(t * EVERY))
        assert fraction == pytest.approx(literal.update(p), abs=1e-12)
        floored.append(fraction)
        ranges.append(max(literal.w) / min(literal.w))
        assert ours.table_V.dtype == torch.float32
        np.testing.assert_allclose(ours.table_V.double().numpy(), literal.w, rtol=1e-6, atol=0)
        assert float(ours.table_V.double().mean()) == pytest.approx(p, rel=1e-7)
        assert all(not sums.any() for sums in ours.statistics.values())
    # Conditions on the test data without which the above would prove little:
    assert empty > 0, "no window without predictions"
    assert 0 in floored and max(floored) > 0, "types were never, or always, clamped to the floor"
    assert np.median(ranges) > 10, "the table hardly changed"


def test_one_update_by_hand() -> None:
    # w~ = (0, 0, 0.1, 0.2); smoothed with the old 0.2: (0.04, 0.04, 0.12, 0.2), mean 0.1.
    old, score = torch.full((4,), 0.2), torch.tensor([1.0, 1.0, 0.5, 0.0])
    table_V, floored = update_table(old, score, 0.2, smoothing=0.2, floor=0.005)
    assert table_V.tolist() == pytest.approx([0.08, 0.08, 0.24, 0.4], rel=1e-6)
    assert float(floored) == 0
    # With a floor of 0.05 the sum is 0.42, the mean 0.105; the floor applies before rescaling.
    table_V, floored = update_table(old, score, 0.2, smoothing=0.2, floor=0.05)
    by_hand = [0.05 * 0.2 / 0.105] * 2 + [0.12 * 0.2 / 0.105, 0.2 * 0.2 / 0.105]
    assert table_V.tolist() == pytest.approx(by_hand, rel=1e-6)
    assert float(floored) == 0.5
    # (0.4, 0.4) and w~ = (0, 0.1) mix to (0.08, 0.16); the first is clamped to 0.1: mean 0.13.
    # Values can end below the floor, because it applies before rescaling.
    old, score = torch.full((2,), 0.4), torch.tensor([1.0, 0.0])
    table_V, floored = update_table(old, score, 0.1, smoothing=0.2, floor=0.1)
    assert table_V.tolist() == pytest.approx([0.1 * 0.1 / 0.13, 0.16 * 0.1 / 0.13], rel=1e-6)
    assert float(floored) == 0.5


def test_smoothing_is_the_weight_of_the_old_table() -> None:
    old, score = torch.tensor([0.1, 0.3]), torch.tensor([0.0, 0.5])
    # 0.25 · (0.1, 0.3) + 0.75 · (0.2, 0.1) = (0.175, 0.15)
    table_V, _ = update_table(old, score, 0.2, smoothing=0.25, floor=0.005)
    assert table_V.tolist() == pytest.approx([0.2 * 0.175 / 0.1625, 0.2 * 0.15 / 0.1625], rel=1e-6)
    table_V, _ = update_table(old, score, 0.2, smoothing=0.0, floor=0.005)
    assert table_V.tolist() == pytest.approx([0.2 / 0.75, 0.1 / 0.75], rel=1e-6)


def test_update_table_does_not_modify_its_arguments() -> None:
    old, score = torch.rand(9) + 0.1, torch.rand(9, dtype=torch.float64)
    before = old.clone(), score.clone()
    update_table(old, score, 0.3, smoothing=0.2, floor=0.005)
    assert torch.equal(old, before[0]) and torch.equal(score, before[1])


def test_uniform_signal_leaves_the_table_exactly_uniform() -> None:
    ours = policy(Uniform())
    for t in range(1, WINDOWS + 1):
        for batch in window(t):
            ours.observe(batch)
        floored = ours.update(t * EVERY)
        p = torch.tensor(0.40 - 0.25 * t / WINDOWS, dtype=torch.float64)
        assert (ours.table_V == ours.table_V[0]).all()
        assert ours.table_V[0].item() == pytest.approx(p.item(), rel=1e-7)
        assert float(floored) == 0
        assert not ours.statistics["total"].any()


def over_ranks(
    rank: MaskingPolicy, totals: dict[str, Tensor], in_place: bool
) -> Callable[[Tensor], Tensor]:
    """Mimics an all-reduce: every rank gets the totals, in place or in a new tensor."""
    names = {id(sums): name for name, sums in rank.statistics.items()}

    def reduce(sums: Tensor) -> Tensor:
        total = totals[names[id(sums)]]
        return sums.copy_(total) if in_place else total

    return reduce


@pytest.mark.parametrize("in_place", [False, True], ids=["new_tensor", "in_place"])
@pytest.mark.parametrize("make", [Hard, Soft, Uniform])
def test_two_ranks_compute_the_table_of_one_rank_that_saw_everything(
    make: Callable[[], Signal], in_place: bool
) -> None:
    whole, ranks = policy(make()), [policy(make()), policy(make())]
    for t in range(1, 9):
        shares = [window(100 + t), window(200 + t)]
        for rank, batches in zip(ranks, shares, strict=True):
            for batch in batches:
                rank.observe(batch)
        for batch in [*shares[1][::-1], *shares[0]]:  # in another order
            whole.observe(batch)

        first, second = (rank.statistics for rank in ranks)
        totals = {name: first[name] + second[name] for name in first}
        for name, sums in whole.statistics.items():
            assert torch.equal(sums, totals[name])
        floored = [whole.update(t * EVERY)]
        for rank in ranks:
            floored.append(rank.update(t * EVERY, over_ranks(rank, totals, in_place)))
        for rank in ranks:
            assert torch.equal(rank.table_V, whole.table_V)
            assert all(not sums.any() for sums in rank.statistics.values())
        assert floored[0] == floored[1] == floored[2]
    if make is not Uniform:
        assert len(set(whole.table_V.tolist())) > 20

"""The neural masker: its gradient against a closed form, its AdamW against torch's, planted
difficulty with rewards given directly, micro-batches and ranks against one that saw everything, and
resuming to the same bits."""

from __future__ import annotations

import io
import math
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amlm.masking.marginals import exact_marginals
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Systematic
from amlm.masking.schedule import Constant
from amlm.masking.signals import Context, Draw, Predictions
from amlm.masking.signals.neural import Neural
from amlm.masking.units import Unit
from amlm.masking.units.word import Word
from amlm.tokenizers.special_tokens import SpecialIds

V, D, G, L = 40, 16, 12, 20
HARD = 10  # types from here on are unpredictable, but for every other one


def policy(ratio: float = 0.25, unit: Unit | None = None, **options: Any) -> MaskingPolicy:
    rows_VD = torch.randn(V, D, generator=torch.Generator().manual_seed(3))
    context = Context(
        torch.ones(V, dtype=torch.int64),
        [None] * V,
        1_000,
        seed=0,
        embed=lambda ids: F.embedding(ids, rows_VD),
        width=D,
    )
    return MaskingPolicy(
        V,
        1_000,
        signal=Neural(**{"width": 8} | options),
        schedule=Constant(ratio),
        sampler=Systematic(),
        replacement=Replacement(),
        special=SpecialIds(),
        unit=unit,
        context=context,
    )


def text(step: int) -> Tensor:
    ids_GL = torch.randint(5, V, (G, L), generator=torch.Generator().manual_seed(step))
    ids_GL[:, 0] = SpecialIds.cls
    return ids_GL


def words_of(ids_GL: Tensor) -> Tensor:
    """Two of three types begin a word."""
    return ids_GL % 3 != 0


def unpredictable(ids: Tensor) -> Tensor:
    return (ids >= HARD) & (ids % 2 == 0)


def step(masking: MaskingPolicy, number: int, sign: float = 1.0, parts: int = 1) -> None:
    """One step with losses of about 5 nats for unpredictable types and 1 for the others."""
    ids_GL = text(number)
    corruption = masking.corrupt(ids_GL, number, words_of(ids_GL))
    noise_GL = torch.rand(G, L, generator=torch.Generator().manual_seed(number))
    size = G // parts
    for part in range(parts):
        rows = slice(part * size, (part + 1) * size)
        masked = masking.rows(ids_GL, corruption, rows, [L - 1] * size, number)
        nll_M = sign * (1 + 4 * unpredictable(masked.labels_M))
        nll_M = nll_M + noise_GL[rows].flatten()[masked.positions_M]
        nll_M = torch.where(masked.valid_M, nll_M, 0.0)
        seen = Predictions(
            masked.labels_M, masked.valid_M, nll_M, masked.shows_mask_M, masked.valid_M
        )
        masking.observe(seen)
        masking.learn(ids_GL, corruption, rows, masked, seen, number)
    masking.finish_step(lambda sums: sums)


def preference(masking: MaskingPolicy) -> float:
    """Mean selection probability of unpredictable types over that of the others."""
    ids_GL = text(99_999)
    weight_GL = masking.signal.weigh(ids_GL)  # type: ignore[attr-defined]
    q_GL = exact_marginals(weight_GL, ids_GL >= 5, 0.25)
    hard_GL, easy_GL = unpredictable(ids_GL), ~unpredictable(ids_GL) & (ids_GL >= 5)
    return float(q_GL[hard_GL].mean() / q_GL[easy_GL].mean())


@pytest.mark.parametrize(
    ("sign", "unit", "low", "high"),
    [(1.0, None, 1.8, math.inf), (-1.0, None, 0.0, 0.55), (1.0, Word(), 1.8, math.inf)],
)
def test_a_masker_learns_a_planted_difficulty_and_not_the_reverse(
    sign: float, unit: Unit | None, low: float, high: float
) -> None:
    masking = policy(unit=unit, lr=5e-3)
    assert preference(masking) == pytest.approx(1)
    for number in range(80):
        step(masking, number, sign)
    assert low < preference(masking) < high


def test_a_baseline_per_type_removes_the_difficulty_of_types() -> None:
    masking = policy(baseline="type", lr=5e-3)
    for number in range(80):
        step(masking, number)
    assert 0.7 < preference(masking) < 1.4


def test_the_reward_progress_is_the_fall_below_the_last_window() -> None:
    masking = policy(reward="progress")
    step(masking, 0)
    total, loss = masking.statistics["total"].clone(), masking.statistics["loss"].clone()
    expected = math.log(V) * total.sum() - loss.sum()  # no window before the first
    assert masking.statistics["reward"].sum().item() == pytest.approx(expected.item(), rel=1e-6)
    masking.update(1)
    step(masking, 1)
    counts, mean_V = masking.statistics["total"], loss / total
    previous_V = torch.where(total > 0, mean_V, math.log(V))
    expected = (previous_V * counts).sum() - masking.statistics["loss"].sum()
    assert masking.statistics["reward"].sum().item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_gradient_equals_that_of_the_closed_form() -> None:
    masking = policy(entropy_bonus=0.7, temperature=0.05)
    signal = masking.signal
    assert isinstance(signal, Neural)
    noise = torch.randn(len(signal.weights_P), generator=torch.Generator().manual_seed(1))
    signal.weights_P += 0.3 * noise
    ids_GL = text(0)
    maskable_GL = ids_GL >= 5
    drawn = masking.corrupt(ids_GL, 0)
    masked = masking.rows(ids_GL, drawn, slice(0, G), [L - 1] * G, 0)
    reward_M = torch.rand(len(masked.labels_M), generator=torch.Generator().manual_seed(2)) * 6
    seen = Predictions(
        masked.labels_M, masked.valid_M, reward_M, masked.shows_mask_M, masked.valid_M
    )
    marginals = partial(exact_marginals, size_BL=maskable_GL, ratio=0.25)
    labels = drawn.selected_GL.sum()
    masking.observe(seen)
    signal.learn(masking.statistics, seen, Draw(ids_GL, masked.positions_M, marginals, labels, G))

    # Where q is below 1 it is (target − saturated) · softmax over those positions.
    weights_P = signal.weights_P.clone().requires_grad_()
    log_w_GL = signal._weigh(ids_GL, weights_P).log()
    q_GL = marginals(log_w_GL.detach().exp())
    free_GL = maskable_GL & (q_GL < 1 - 1e-12)
    assert 0 < int((maskable_GL & ~free_GL).sum()) < int(maskable_GL.sum()) // 2
    room_G1 = (0.25 * maskable_GL.sum(1).double() - (maskable_GL & ~free_GL).sum(1)).unsqueeze(1)
    log_p_GL = log_w_GL.masked_fill(~free_GL, -math.inf).log_softmax(1)
    log_q_GL = torch.where(free_GL, log_p_GL + room_G1.log(), 0.0)
    share_GL = torch.where(maskable_GL, log_q_GL.exp(), 0) / q_GL.sum(1, keepdim=True)
    entropy = -(share_GL * share_GL.clamp(min=1e-30).log()).sum() / G
    advantage_M = (reward_M - math.log(V))[masked.valid_M]
    gain = (advantage_M * log_q_GL.flatten()[masked.positions_M[masked.valid_M]]).sum() / labels
    (expected,) = torch.autograd.grad(-(gain + 0.7 * entropy), weights_P)
    ours = signal.step_sums[: len(expected)]
    assert float(expected.norm()) > 1e-2
    torch.testing.assert_close(ours, expected.double(), rtol=1e-4, atol=1e-6)
    report = signal.report(masking.statistics)
    assert float(report["entropy"]) == pytest.approx(float(entropy.detach()), rel=1e-9)
    assert float(report["reward"]) == pytest.approx(float(reward_M[masked.valid_M].mean()))
    assert float(report["baseline"]) == pytest.approx(math.log(V))


def test_with_words_the_gradient_is_that_of_the_words_probabilities() -> None:
    masking = policy(unit=Word(), entropy_bonus=0.0)
    signal = masking.signal
    assert isinstance(signal, Neural)
    signal.weights_P += 0.1 * torch.randn(
        len(signal.weights_P), generator=torch.Generator().manual_seed(1)
    )
    ids_GL = text(0)
    drawn = masking.corrupt(ids_GL, 0, words_of(ids_GL))
    masked = masking.rows(ids_GL, drawn, slice(0, G), [L - 1] * G, 0)
    reward_M = torch.rand(len(masked.labels_M), generator=torch.Generator().manual_seed(2)) * 6
    seen = Predictions(
        masked.labels_M, masked.valid_M, reward_M, masked.shows_mask_M, masked.valid_M
    )
    masking.learn(ids_GL, drawn, slice(0, G), masked, seen, 0)

    rewards = torch.zeros(G * L)
    rewards[masked.positions_M[masked.valid_M]] = reward_M[masked.valid_M] - math.log(V)
    weights_P = signal.weights_P.clone().requires_grad_()
    w_GL = signal._weigh(ids_GL, weights_P)
    gain, selected = torch.zeros((), dtype=torch.float64), 0
    for g in range(G):
        words: list[list[int]] = []
        for i in range(1, L):  # position 0 is [CLS]; a word longer than the budget of 4 is cut
            if i == 1 or int(ids_GL[g, i]) % 3 or len(words[-1]) == 4:
                words.append([])
            words[-1].append(i)
        mean = [w_GL[g, word].mean() for word in words]
        total = torch.stack([len(word) * w for word, w in zip(words, mean, strict=True)]).sum()
        for word, w in zip(words, mean, strict=True):
            log_q = (0.25 * (L - 1) * w / total).log()
            assert float(log_q.detach()) < 0  # none saturates
            hidden = drawn.selected_GL[g, word]
            assert hidden.all() or not hidden.any()
            if hidden.all():
                gain = gain + log_q * rewards.view(G, L)[g, word].sum()
                selected += len(word)
    assert selected == int(drawn.selected_GL.sum())
    (expected,) = torch.autograd.grad(-gain / selected, weights_P)
    ours = signal.step_sums[: len(expected)]
    assert float(expected.norm()) > 1e-2
    torch.testing.assert_close(ours, expected.double(), rtol=1e-4, atol=1e-6)


def test_its_updates_equal_those_of_adamw() -> None:
    signal = policy(lr=0.02).signal
    assert isinstance(signal, Neural)
    theirs = torch.nn.Parameter(signal.weights_P.clone())
    adamw = torch.optim.AdamW([theirs], lr=0.02, weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    for number in range(30):
        gradient = torch.randn(len(theirs), generator=generator) * (0.0 if number == 7 else 1.0)
        theirs.grad = gradient
        adamw.step()
        signal.step_sums[: len(theirs)] = gradient
        signal.finish_step(lambda sums: sums)
        torch.testing.assert_close(signal.weights_P, theirs.detach(), rtol=1e-5, atol=1e-6)
        assert not signal.step_sums.any()


@pytest.mark.parametrize(
    ("baseline", "unit"), [("overall", None), ("type", None), ("type", Word())]
)
def test_micro_batches_and_ranks_learn_as_one_that_saw_everything(
    baseline: str, unit: Unit | None
) -> None:
    whole, parts = policy(unit=unit, baseline=baseline), policy(unit=unit, baseline=baseline)
    for number in range(6):
        step(whole, number)
        step(parts, number, parts=4)
    for name in ("weights_P", "baseline_G"):
        ours, theirs = getattr(whole.signal, name), getattr(parts.signal, name)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert whole.signal.baseline_G.unique().numel() == (V - 5 + 1 if baseline == "type" else 1)  # type: ignore[attr-defined]


def test_resuming_in_the_middle_of_a_window_is_bitwise_exact() -> None:
    masking, resumed = policy(reward="progress"), policy(reward="progress")
    for number in range(5):
        step(masking, number)
        if number == 2:
            masking.update(3)
    step(resumed, 77)  # state before loading must not matter
    file = io.BytesIO()
    torch.save(masking.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for number in range(5, 9):
        step(masking, number)
        step(resumed, number)
        if number == 6:
            masking.update(7)
            resumed.update(7)
    ours, theirs = masking.state_dict(), resumed.state_dict()
    assert {"signal.weights_P", "signal.moment2_P", "signal.steps"} < ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not torch.equal(masking.table_V, masking.first_V)


def test_the_table_is_the_mean_selection_probability_of_each_type() -> None:
    masking = policy()
    for number in range(40):
        step(masking, number)
    signal = masking.signal
    assert isinstance(signal, Neural)
    q_V, n_V = torch.zeros(V, dtype=torch.float64), torch.zeros(V, dtype=torch.float64)
    for sums in masking.statistics.values():
        sums.zero_()
    ids_GL = text(40)
    q_GL = exact_marginals(signal.weigh(ids_GL), ids_GL >= 5, 0.25)
    for row in range(G):
        for i in range(1, L):
            q_V[ids_GL[row, i]] += q_GL[row, i]
            n_V[ids_GL[row, i]] += 1
    step(masking, 40)
    weight_V = torch.where(n_V > 0, q_V / n_V.clamp(min=1), q_V.sum() / n_V.sum())
    score_V = signal.score(masking.statistics)
    torch.testing.assert_close(score_V, 1 - weight_V / weight_V.mean())
    assert score_V.std() > 0.02

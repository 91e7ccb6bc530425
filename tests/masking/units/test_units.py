"""Units of every kind with every sampler: probabilities and realised ratio over many draws against
grouping and water-filling written out position by position; cases by hand; slots for every label
however a batch is divided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Bernoulli, Sampler, Systematic
from amlm.masking.schedule import Constant, Linear
from amlm.masking.signals.hard import Hard
from amlm.masking.units import Unit, unit_name
from amlm.masking.units.grouping import edges, group
from amlm.masking.units.span import Span, span_lengths
from amlm.masking.units.token import Token
from amlm.masking.units.word import Word
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.errors import InputError
from amlm.util.seeds import derived_seed

V, G, L = 40, 8, 24
PAD, CLS, SEP, UNK, MASK = range(5)
DIRT = 39  # excluded
COPIES = 25
UNITS: list[Unit] = [Token(), Word(), Span()]
SAMPLERS: list[Sampler] = [Systematic(), Bernoulli()]
by_unit = pytest.mark.parametrize("unit", UNITS, ids=unit_name)
by_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
larger = pytest.mark.parametrize("unit", UNITS[1:], ids=unit_name)


def policy(**changes: Any) -> MaskingPolicy:
    options: dict[str, Any] = {
        "signal": Hard(),
        "schedule": Constant(0.3),
        "sampler": Systematic(),
        "replacement": Replacement(),
        "special": SpecialIds(),
        "exclude": [DIRT],
    }
    made = MaskingPolicy(V, 100, **(options | changes))
    rng = np.random.default_rng(0)
    made.table_V.copy_(torch.from_numpy(np.exp(1.2 * rng.normal(size=V)) * 0.15).float())
    return made


def batch() -> tuple[Tensor, Tensor]:
    """Ids and word starts. Among random rows: one word only, padding only, a word longer than its
    row's budget between short ones, a row that begins within a word, special tokens inside."""
    rng = np.random.default_rng(1)
    ids = rng.integers(5, V, size=(G, L))
    words = rng.random((G, L)) < 0.6
    ids[2:, 0] = CLS
    ids[rng.random(ids.shape) < 0.06] = SEP
    ids[rng.random(ids.shape) < 0.04] = UNK
    ids[rng.random(ids.shape) < 0.04] = MASK
    ids[0], words[0] = rng.integers(5, 30, size=L), False  # one word
    ids[1] = PAD
    words[3], ids[3] = True, np.where(ids[3] < 5, 7, ids[3])
    words[3, 6:17] = False  # a word of 12
    words[4, :5], ids[4, :5] = False, 9  # continuation pieces first
    ids[5, 3:] = PAD
    return torch.from_numpy(ids), torch.from_numpy(words)


def literal_groups(ids: Sequence[int], begins: Sequence[bool], ratio: float) -> list[list[int]]:
    """Maskable positions of each unit of one row, written out position by position."""
    specials = {PAD, CLS, SEP, MASK}
    units: list[list[int]] = [[]]
    for at, v in enumerate(ids):
        if begins[at] or v in specials or (at and ids[at - 1] in specials):
            units.append([])
        if v not in specials and v != DIRT:
            units[-1].append(at)
    n = sum(map(len, units))
    budget = max(int(max(ratio * n, 1.0)), 1)
    parts = [u[i : i + budget] for u in units for i in range(0, len(u), budget)]
    return [part for part in parts if part]


def water_filling(w: NDArray[np.float64], size: NDArray[np.int64], target: float) -> list[float]:
    """Shares the target by weight; whatever exceeds 1 is capped, until nothing does."""
    capped = np.zeros(len(w), dtype=bool)
    while True:
        rest = target - size[capped].sum()
        q = np.where(capped, 1.0, w * rest / max((size * w)[~capped].sum(), 1e-300))
        if not (q > 1 + 1e-12).any():
            return list(q)
        capped |= q > 1


def with_forced(q: list[float]) -> list[float]:
    """Exact probabilities if the unit of smallest u/q is selected where all draws fail: q_i plus
    q_i · ∫ Π_{j≠i} (1 − q_j·r) dr from 1 to where a factor is 0 (a polynomial, integrated exactly).
    """
    nodes, weights = np.polynomial.legendre.leggauss(16)
    last = 1 / max(q)
    r = 1 + (nodes + 1) / 2 * (last - 1)
    factors = 1 - np.outer(q, r)
    others = [np.delete(factors, i, axis=0).prod(0) for i in range(len(q))]
    return [p * (1 + (last - 1) / 2 * float(weights @ o)) for p, o in zip(q, others, strict=True)]


@cache
def literal_row(
    ids: tuple[int, ...], begins: tuple[bool, ...], table: tuple[float, ...], forced: bool
) -> NDArray[np.float64]:
    """Probability of each position of a row."""
    units = literal_groups(ids, begins, 0.3)
    q_L = np.zeros(len(ids))
    if units:
        size = np.array([len(unit) for unit in units])
        w = np.array([np.mean([table[ids[at]] for at in unit]) for unit in units])
        q = water_filling(w, size, max(0.3 * size.sum(), 1.0))
        for unit, chance in zip(units, with_forced(q) if forced else q, strict=True):
            q_L[unit] = chance
    return q_L


def compared(
    masking: MaskingPolicy, reference: Unit, draws: int
) -> tuple[float, list[float], list[float]]:
    """Largest distance of a frequency from its probability, in standard deviations; expected and
    selected positions of each batch."""
    ids, words = (each.repeat(COPIES, 1) for each in batch())
    table = tuple(masking.table_V.double().tolist())
    forced = isinstance(masking.sampler, Bernoulli)
    far, variance = np.zeros((G, L)), np.zeros((G, L))
    expected, found = [], []
    for step in range(draws):
        selected = masking.corrupt(ids, step, words).selected_GL.numpy()
        # Where units begin, from the generator that a policy draws them with.
        generator = torch.Generator().manual_seed(derived_seed(0, "masking", step))
        begins = reference.begins(words | edges(masking.breaks_V[ids]), step / 100, generator)
        begins = torch.ones_like(words) if begins is None else begins
        rows = zip(ids.tolist(), begins.tolist(), strict=True)
        q = np.stack([literal_row(tuple(a), tuple(b), table, forced) for a, b in rows])
        far += (selected - q).reshape(COPIES, G, L).sum(0)
        variance += (q * (1 - q)).reshape(COPIES, G, L).sum(0)
        expected.append(float(q.sum()))
        found.append(float(selected.sum()))
        if unit_name(masking.unit) == unit_name(reference):
            assert not selected[q == 0].any() and selected[q > 1 - 1e-9].all()
    inside = variance > 1e-6
    return float((np.abs(far)[inside] / np.sqrt(variance[inside])).max()), expected, found


@by_unit
@by_sampler
def test_every_position_has_its_probability_and_the_ratio_is_exact(
    unit: Unit, sampler: Sampler
) -> None:
    draws = 10 if isinstance(unit, Span) else 60
    largest, expected, found = compared(policy(unit=unit, sampler=sampler), unit, draws)
    assert largest < 6
    missed = np.array(found) - expected
    if isinstance(sampler, Systematic):  # no unit is larger than a row's expected number
        assert np.abs(missed).max() < (1 if isinstance(unit, Token) else int(0.3 * L))
        counts = policy().maskable_V[batch()[0]].sum(1).tolist()
        ratio = sum(max(0.3 * n, 1) for n in counts if n) * COPIES
        assert expected == pytest.approx([ratio] * draws)
    else:
        assert missed.std() > 7
        assert abs(missed.mean()) < 6 * missed.std() / draws**0.5


@larger
def test_the_comparison_rejects_other_units(unit: Unit) -> None:
    for wrong in UNITS:
        if wrong is not unit:
            assert compared(policy(unit=wrong), unit, 10)[0] > 6


@larger
@by_sampler
def test_pieces_of_a_unit_are_selected_together(unit: Unit, sampler: Sampler) -> None:
    ids, words = batch()
    masking = policy(unit=unit, sampler=sampler)
    for step in range(20):
        selected = masking.corrupt(ids, step, words).selected_GL
        generator = torch.Generator().manual_seed(derived_seed(0, "masking", step))
        begins = unit.begins(words | edges(masking.breaks_V[ids]), step / 100, generator)
        assert begins is not None
        for row in range(G):
            units = literal_groups(ids[row].tolist(), begins[row].tolist(), 0.3)
            assert all(len({bool(selected[row, at]) for at in each}) == 1 for each in units)
            assert not units or selected[row].any()  # no sequence is wasted


def grouped(ids: list[int], words: list[int], ratio: float = 0.5) -> tuple[list[int], list[float]]:
    made = policy()
    ids_GL = torch.tensor([ids])
    begins = torch.tensor([words]).bool() | edges(made.breaks_V[ids_GL])
    found = group(begins, made.table_V[ids_GL], made.maskable_V[ids_GL], ratio)
    assert found.size_GU.sum() == made.maskable_V[ids_GL].sum()
    sizes = found.size_GU[0, : int(found.unit_GL.max()) + 1].int().tolist()
    return found.unit_GL[0].tolist(), sizes


def test_groups_by_hand() -> None:
    # A block that begins within a word: its pieces up to the next start are a word of their own.
    assert grouped([8, 8, 9, 7, 7, 7], [0, 0, 1, 0, 0, 1]) == ([0, 0, 1, 1, 1, 2], [2, 3, 1])
    # No word extends over a special token, even without a word start behind it.
    ids, words = [CLS, 8, 8, SEP, 8, 9, 9, 9], [0, 1, 0, 0, 0, 1, 0, 0]
    assert grouped(ids, words) == ([0, 1, 1, 2, 3, 4, 4, 4], [0, 2, 0, 1, 3])
    # [UNK] is an ordinary piece; an excluded piece stays in its word and is not counted.
    assert grouped([8, UNK, 9, DIRT, 7, 7], [1, 0, 1, 0, 0, 1]) == ([0, 0, 1, 1, 1, 2], [2, 2, 1])
    # A word of 5 among 8 positions with a budget of 2 is cut into 2, 2 and 1.
    assert grouped([5, 6, 7, 8, 9, 5, 6, 7], [1, 0, 0, 0, 0, 1, 1, 0], 0.25)[1] == [2, 2, 1, 1, 2]
    # One word in the whole sequence, budget 2; and where the budget is below one position.
    assert grouped([5] * 8, [1] + [0] * 7, 0.3)[1] == [2, 2, 2, 2]
    assert grouped([5] * 4, [0] * 4, 0.15)[1] == [1, 1, 1, 1]
    assert grouped([PAD] * 4, [0] * 4)[1] == [0, 0, 0, 0]


def test_a_words_weight_is_the_mean_of_its_pieces_in_any_order_of_addition() -> None:
    made = policy()
    ids = torch.tensor([[8, 12, 9, 7, 7, 30]])
    begins = torch.tensor([[1, 0, 0, 1, 1, 0]]).bool()
    found = group(begins, made.table_V[ids], made.maskable_V[ids], 0.6)
    w = made.table_V.double()
    assert found.weight_GU[0, :3].tolist() == [
        ((w[8] + w[12] + w[9]) / 3).item(), w[7].item(), ((w[7] + w[30]) / 2).item(),
    ]  # fmt: skip


def test_a_short_word_costs_the_budget_of_its_pieces() -> None:
    """Two words of 1 and 3 pieces with equal weights: Σ n·q = p·n, not Σ q."""
    made = policy(unit=Word(), schedule=Constant(0.75))
    made.table_V.fill_(0.2)
    ids, words = torch.full((400, 4), 9), torch.tensor([[1, 1, 0, 0]]).bool().repeat(400, 1)
    selected = made.corrupt(ids, 0, words).selected_GL
    assert int(selected.sum()) == 1_200  # each word in 3 of 4 rows; 1 + 3 positions
    assert 255 < int(selected[:, 0].sum()) < 345
    assert torch.equal(selected[:, 1], selected[:, 3])


def test_switch_masks_tokens_bit_for_bit_after_its_share_of_the_run() -> None:
    ids, words = batch()
    switching, tokens, whole = (policy(unit=u) for u in (Word(switch=0.7), Token(), Word()))
    for step, same_as in ((0, whole), (69, whole), (70, tokens), (99, tokens)):
        found = switching.corrupt(ids, step, words)
        assert torch.equal(found.selected_GL, same_as.corrupt(ids, step, words).selected_GL)
        assert (found.begins_GL is not None) == (same_as is whole)
        assert switching.unit_name(step) == unit_name(same_as.unit)
    assert torch.equal(
        tokens.corrupt(ids, 3, words).inputs_GL, policy(unit=None).corrupt(ids, 3).inputs_GL
    )


def test_span_lengths_are_those_of_spanbert_and_have_their_mean() -> None:
    # Joshi et al. 2020: geometric with p = 0.2, at most 10 words, mean 3.8.
    theirs = [0.2 * 0.8**k for k in range(10)]
    mean = sum(k * p for k, p in enumerate(theirs, start=1)) / sum(theirs)
    assert mean == pytest.approx(3.8, abs=0.01)
    assert span_lengths(mean, 10) == pytest.approx([p / sum(theirs) for p in theirs])
    words = torch.ones(4_000, 60, dtype=torch.bool)
    begins = Span().begins(words, 0.0, torch.Generator().manual_seed(0))
    assert begins is not None and begins[:, 0].all()
    firsts = [row.nonzero().flatten() for row in begins]
    lengths = torch.cat([at[1:] - at[:-1] for at in firsts if len(at) > 10])
    first = torch.stack([at[1] for at in firsts])
    assert lengths.max() == 10 and lengths.min() == 1
    assert float(first.double().mean()) == pytest.approx(3, abs=6 * 2.2 / len(first) ** 0.5)
    shares = torch.bincount(first, minlength=11)[1:] / len(first)
    assert shares.tolist() == pytest.approx(span_lengths(3.0, 10), abs=0.04)
    assert sum(k * p for k, p in enumerate(span_lengths(3.0, 10), start=1)) == pytest.approx(3)


def test_spans_consist_of_whole_words() -> None:
    words = torch.rand(50, 40, generator=torch.Generator().manual_seed(1)) < 0.5
    words[:, 0] = True
    begins = Span(mean=4.0).begins(words, 0.0, torch.Generator().manual_seed(2))
    assert begins is not None and not (begins & ~words).any()
    assert Span(mean=4.0, switch=0.5).begins(words, 0.5, torch.Generator()) is None


def test_a_span_that_is_too_long_is_refused() -> None:
    with pytest.raises(InputError, match=r"masking\.unit\.mean=6.*longest=10.*at most 5\.5"):
        Span(mean=6.0)


@larger
@by_sampler
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 6, 12])
def test_rows_together_hold_every_label_however_a_batch_is_divided(
    unit: Unit, sampler: Sampler, parts: int
) -> None:
    rng = np.random.default_rng(7)
    ids = torch.from_numpy(rng.integers(5, DIRT, size=(12, 64)))
    words = torch.from_numpy(rng.random((12, 64)) < 0.6)
    masking = policy(unit=unit, sampler=sampler, schedule=Linear(0.40, 0.15))
    for step in (0, 40, 41, 99):
        corruption = masking.corrupt(ids, step, words)
        held = 0
        for start in range(0, 12, 12 // parts):
            run = slice(start, start + 12 // parts)
            rows = masking.rows(ids, corruption, run, [64] * (12 // parts), step)
            used = rows.positions_M[rows.valid_M] + start * 64
            assert corruption.selected_GL.flatten()[used].all()
            held += len(used)
        assert held == int(corruption.selected_GL.sum())


def test_an_excluded_type_is_never_masked_and_keeps_the_mean_probability() -> None:
    ids, words = batch()
    masking = policy(unit=Word())
    assert (ids == DIRT).any()
    for step in range(30):
        assert not masking.corrupt(ids, step, words).selected_GL[ids == DIRT].any()
    masking.statistics["total"][5:30] = 100
    masking.statistics["correct"][5:15] = 100
    masking.statistics["total"][DIRT] = 100  # must not matter
    masking.update(10)
    table = masking.table_V.double()
    assert table[DIRT].item() == pytest.approx(0.3)
    assert table.mean().item() == pytest.approx(0.3)
    assert table[20] > 1.5 * table[10]

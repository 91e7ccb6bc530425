"""The masking policy: which positions can be selected, what the masks depend on, rows against the
global batch they were taken from, dtypes of the table and the counters, resuming in the middle of
a window, and that a step needs no host-device synchronisation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amlm.masking.marginals import exact_marginals
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.rows import MaskedRows, slots
from amlm.masking.sampler import Bernoulli, Sampler, Systematic
from amlm.masking.schedule import Constant, Linear
from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.authors import AuthorsHard, AuthorsSoft
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.masking.signals.uniform import Uniform
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.seeds import derived_seed

V = 60
PAD, CLS, SEP, UNK, MASK = range(5)
SAMPLERS: list[Sampler] = [Systematic(), Bernoulli()]


def policy(**changes: Any) -> MaskingPolicy:
    options: dict[str, Any] = {
        "vocab_size": V,
        "total_steps": 100,
        "signal": Hard(),
        "schedule": Linear(0.40, 0.15),
        "sampler": Systematic(),
        "replacement": Replacement(),
        "special": SpecialIds(),
    }
    return MaskingPolicy(**options | changes)


def with_table(result: MaskingPolicy, seed: int = 0, spread: float = 1.0) -> MaskingPolicy:
    """Gives a policy a table that is not uniform."""
    noise = torch.randn(V, generator=torch.Generator().manual_seed(seed)) * spread
    result.table_V.copy_(0.15 * noise.exp() / noise.exp().mean())
    return result


def text(rows: int = 12, length: int = 40, seed: int = 0) -> Tensor:
    """Random ids with some [CLS], [SEP], [UNK] and [MASK], and padding at the end of rows."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, V, size=(rows, length))
    for special, share in ((UNK, 0.1), (MASK, 0.05), (CLS, 0.06), (SEP, 0.06)):
        ids[rng.random(ids.shape) < share] = special
    for row in range(rows):
        ids[row, length - rng.integers(0, length) // 2 :] = PAD
    ids[0], ids[1, 1:] = PAD, PAD  # a row of padding only, and one with a single token
    ids[1, 0] = 9
    return torch.from_numpy(ids)


def maskable_counts(ids_GL: Tensor) -> list[int]:
    counts: list[int] = ((ids_GL > SEP) & (ids_GL != MASK)).sum(1).tolist()
    return counts


def predictions(seed: int, size: int = 400) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, V, (size,), generator=generator)
    right, shows, valid = (torch.rand(size, generator=generator) < 0.7 for _ in range(3))
    return Predictions(labels, right, torch.rand(size, generator=generator) * 9, shows, valid)


# --- which positions can be selected ---


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize("special", [False, True])
def test_special_tokens_are_selected_only_on_request(sampler: Sampler, special: bool) -> None:
    ids_GL = text()
    masking = with_table(policy(sampler=sampler, mask_special_tokens=special))
    selected = torch.zeros(V, dtype=torch.int64)
    for step in range(100):
        corruption = masking.corrupt(ids_GL, step)
        assert torch.equal(
            corruption.inputs_GL[~corruption.selected_GL], ids_GL[~corruption.selected_GL]
        )
        selected += torch.bincount(ids_GL[corruption.selected_GL], minlength=V)
    assert selected[PAD] == 0
    assert (selected[[CLS, SEP, MASK]] > 0).all() == special
    if not special:
        assert (selected[[CLS, SEP, MASK]] == 0).all()
    assert selected[UNK] > 0 and (selected[5:] > 0).all()


def test_selection_frequencies_equal_the_marginals() -> None:
    ids_GL, masking = text(6, 32), with_table(policy(schedule=Constant(0.4)))
    times = 2_000
    counts_GL = torch.zeros(6, 32, dtype=torch.float64)
    for step in range(times):
        counts_GL += masking.corrupt(ids_GL, step).selected_GL
    maskable_GL = (ids_GL > SEP) & (ids_GL != MASK)
    q_GL = exact_marginals(masking.table_V[ids_GL], maskable_GL, 0.4)
    inner = (q_GL > 1e-9) & (q_GL < 1 - 1e-9)
    sigma = (q_GL * (1 - q_GL) / times).sqrt()
    z = ((counts_GL / times - q_GL) / sigma)[inner]
    assert z.abs().max() < 6  # exceeded by chance once in 5·10^8 comparisons; there are 150
    assert torch.equal(counts_GL[~inner], times * q_GL[~inner].round())


def test_realised_ratio_is_the_ratio_of_the_step() -> None:
    ids_GL, masking = text(64, 50), with_table(policy(), spread=1.5)
    for step in (0, 30, 50, 99, 100):
        p = 0.40 - 0.25 * step / 100
        expected = sum(min(n, max(1.0, p * n)) for n in maskable_counts(ids_GL))
        assert abs(int(masking.corrupt(ids_GL, step).selected_GL.sum()) - expected) < 1
        assert masking.ratio(step) == pytest.approx(p)


def test_normalization_exact_keeps_the_ratio_and_clipped_loses_some() -> None:
    ids_GL = torch.full((16, 50), 7)
    ids_GL[:, ::10] = 8
    totals, saturated = {}, {}
    for rule in ("exact", "clipped"):
        masking = policy(normalization=rule)
        masking.table_V.fill_(0.01)[8] = 0.9
        corruption = masking.corrupt(ids_GL, 0)
        totals[rule] = int(corruption.selected_GL.sum())
        saturated[rule] = corruption.saturated.item()
        assert corruption.selected_GL[:, ::10].all()
    # Of the 20 a row, 5 types 8 are certain; clipped leaves the others 45 · 20 · 0.01 / 4.95.
    assert totals["exact"] == 16 * 20
    assert abs(totals["clipped"] - 16 * (5 + 9 / 4.95)) < 1
    assert saturated == {"exact": pytest.approx(0.1), "clipped": pytest.approx(0.1)}


def test_saturated_is_the_fraction_of_maskable_positions_with_probability_one() -> None:
    ids_GL, masking = text(32, 40), with_table(policy(), spread=2.5)
    maskable_GL = (ids_GL > SEP) & (ids_GL != MASK)
    q_GL = exact_marginals(masking.table_V[ids_GL], maskable_GL, 0.4)
    certain_GL = q_GL > 1 - 1e-9
    corruption = masking.corrupt(ids_GL, 0)
    assert corruption.selected_GL[certain_GL].all()
    fraction = int(certain_GL.sum()) / int(maskable_GL.sum())
    assert 0.02 < fraction < 0.5
    assert corruption.saturated.item() == pytest.approx(fraction, abs=1e-6)


def test_the_only_maskable_token_of_a_row_is_always_selected() -> None:
    ids_GL = torch.zeros(V, 6, dtype=torch.int64)
    ids_GL[:, 2] = torch.arange(V)
    corruption = with_table(policy()).corrupt(ids_GL[5:], 0)
    assert corruption.selected_GL[:, 2].all()
    assert corruption.saturated.item() == 1


def test_a_batch_without_maskable_tokens_is_unchanged() -> None:
    ids_GL = torch.tensor([[CLS, SEP, PAD], [PAD, PAD, PAD]])
    for sampler in SAMPLERS:
        masking = policy(sampler=sampler)
        corruption = masking.corrupt(ids_GL, 0)
        assert torch.equal(corruption.inputs_GL, ids_GL)
        assert not corruption.selected_GL.any() and corruption.saturated == 0
        rows = masking.rows(ids_GL, corruption, slice(0, 2), [0, 0], 0)
        assert not rows.valid_M.any()


# --- what the masks depend on ---


def same(a: Any, b: Any) -> bool:
    pairs = ((torch.as_tensor(getattr(each, name)) for each in (a, b)) for name in vars(a))
    return all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
def test_masks_are_a_function_of_seed_step_batch_and_table(sampler: Sampler) -> None:
    ids_GL = text()
    masking = with_table(policy(sampler=sampler, seed=3))
    first = masking.corrupt(ids_GL, 17)
    for step in (17, 4, 99):  # earlier draws must not matter
        masking.corrupt(text(5, 9, seed=step), step)
    before = torch.get_rng_state()
    assert same(masking.corrupt(ids_GL, 17), first)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12345)
    assert same(with_table(policy(sampler=sampler, seed=3)).corrupt(ids_GL, 17), first)

    constant = {"sampler": sampler, "schedule": Constant(0.3)}  # p does not depend on the step
    a, b = (with_table(policy(**constant)).corrupt(ids_GL, step) for step in (17, 18))
    assert not torch.equal(a.selected_GL, b.selected_GL)
    for other in (
        with_table(policy(sampler=sampler, seed=4)),
        with_table(policy(sampler=sampler, seed=3), seed=1),
    ):
        assert not torch.equal(other.corrupt(ids_GL, 17).selected_GL, first.selected_GL)


def test_derived_seed_is_blake2b_of_its_arguments() -> None:
    # printf '0:masking:0' | b2sum -l 64, as a big-endian integer, without its lowest bit
    golden: dict[tuple[Any, ...], int] = {
        (0, "masking", 0): 0xF645E4DAC3737B9F,
        (0, "masking", 1): 0xE20B78410614B908,
        (1, "masking", 0): 0x52BBAE07E8DBFAAD,
        (7, "dropout", 3, 0, 1): 0x90DCC6E1A69D18D2,
        (12345, "masking", 7999): 0x7F406E3EEDA861FE,
    }
    for arguments, digest in golden.items():
        assert derived_seed(*arguments) == digest >> 1
    assert derived_seed(0, "masking", 0) == 8872920767478218191
    counters = [(a, b) for a in range(6) for b in range(6)]
    seeds = {derived_seed(s, p, a, b) for s in range(6) for p in "xy" for a, b in counters}
    assert len(seeds) == 432 and all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(1, "x", 23) != derived_seed(1, "x", 2, 3) != derived_seed(12, "x", 3)


# --- rows of a batch ---


def check_rows(ids_GL: Tensor, corruption: Any, span: slice, rows: MaskedRows) -> set[int]:
    """Checks rows against the global batch; returns their labelled positions in it, flattened."""
    length = ids_GL.shape[1]
    assert torch.equal(rows.inputs_RL, corruption.inputs_GL[span])
    used = rows.positions_M[rows.valid_M]
    found = (used + span.start * length).tolist()
    assert rows.labels_M[rows.valid_M].tolist() == ids_GL.flatten()[found].tolist()
    inputs = corruption.inputs_GL.flatten()[found]
    assert rows.shows_mask_M[rows.valid_M].tolist() == (inputs == MASK).tolist()
    assert (rows.positions_M[~rows.valid_M] == 0).all()
    sizes = {len(each) for each in (rows.positions_M, rows.labels_M, rows.shows_mask_M)}
    assert sizes == {len(rows.valid_M)}
    assert len(set(found)) == len(found) == int(rows.valid_M.sum())
    return set(found)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize("cuts", [[], [6], [4, 8], [1, 2, 11], [3, 4, 6, 9], list(range(1, 12))])
def test_rows_together_hold_every_label_of_the_global_batch(
    sampler: Sampler, cuts: list[int]
) -> None:
    ids_GL = text()
    masking = with_table(policy(sampler=sampler), spread=1.5)
    counts = maskable_counts(ids_GL)
    for step in (0, 40, 41, 42, 99):
        corruption = masking.corrupt(ids_GL, step)
        found: set[int] = set()
        for start, stop in zip([0, *cuts], [*cuts, 12], strict=True):
            span = slice(start, stop)
            rows = masking.rows(ids_GL, corruption, span, counts[span], step)
            assert 1 <= len(rows.valid_M) <= ids_GL[span].numel()
            new = check_rows(ids_GL, corruption, span, rows)
            assert not new & found
            found |= new
        assert found == set(corruption.selected_GL.flatten().nonzero().squeeze(1).tolist())


def test_systematic_leaves_at_most_a_step_of_the_grid_unused() -> None:
    # 2,048 positions: slots come in sixteens, and at most two more are unused for rounding.
    ids_GL, masking = text(32, 64), with_table(policy())
    counts = maskable_counts(ids_GL)
    for step in range(100):
        corruption = masking.corrupt(ids_GL, step)
        for span in (slice(0, 32), slice(0, 16), slice(16, 32)):
            rows = masking.rows(ids_GL, corruption, span, counts[span], step)
            grid = (span.stop - span.start) * 64 // 128
            assert len(rows.valid_M) % grid == 0
            assert int((~rows.valid_M).sum()) <= grid - 1 + (
                1 if span.stop - span.start == 32 else 2
            )


@pytest.mark.parametrize(("rows", "length"), [(32, 64), (256, 64), (64, 256)])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
def test_a_falling_ratio_meets_some_tens_of_shapes(
    sampler: Sampler, rows: int, length: int
) -> None:
    schedule, counts = Linear(0.40, 0.15), [length - 2] * rows
    shapes = {
        slots(sampler.capacity([schedule(step, 8325) * count for count in counts]), rows * length)
        for step in range(8325)
    }
    assert 25 <= len(shapes) <= 40


@pytest.mark.parametrize(
    ("labels", "positions", "expected"),
    [(0, 64, 1), (1, 64, 1), (7, 64, 7), (65, 64, 64), (1, 1024, 8), (8, 1024, 8), (9, 1024, 16)],
)
def test_slots_are_the_next_multiple_of_the_grid(
    labels: int, positions: int, expected: int
) -> None:
    assert slots(labels, positions) == expected


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize(("rows", "length"), [(256, 64), (1024, 16), (2048, 8), (4096, 4)])
def test_no_label_is_lost_at_any_sequence_length(sampler: Sampler, rows: int, length: int) -> None:
    # In short sequences many positions are selected only because each row gets at least one.
    ids_GL = torch.randint(5, V, (rows, length), generator=torch.Generator().manual_seed(0))
    masking = policy(sampler=sampler, schedule=Constant(0.15))
    for step in range(3):
        corruption = masking.corrupt(ids_GL, step)
        taken = masking.rows(ids_GL, corruption, slice(0, rows), [length] * rows, step)
        assert int(taken.valid_M.sum()) == int(corruption.selected_GL.sum())


# --- dtypes and state ---


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("signal", [Hard(), Soft(), AuthorsHard(), AuthorsSoft()])
def test_casting_a_model_leaves_table_and_statistics_bitwise_unchanged(
    signal: Signal, dtype: torch.dtype
) -> None:
    masking = with_table(policy(signal=signal))
    masking.observe(predictions(0))
    before = {name: each.clone() for name, each in masking.state_dict().items()}
    model = nn.ModuleDict({"head": nn.Linear(2, 2), "masking": masking})
    cast: dict[torch.dtype, Callable[[], nn.Module]] = {
        torch.bfloat16: model.bfloat16,
        torch.float16: model.half,
        torch.float64: model.double,
    }
    cast[dtype]()
    assert next(model.parameters()).dtype == dtype
    assert masking.table_V.dtype == masking.first_V.dtype == torch.float32
    for name, each in masking.state_dict().items():
        assert each.dtype == before[name].dtype
        assert torch.equal(each, before[name]), name
    masking.observe(predictions(1))
    masking.update(20)
    assert masking.table_V.dtype == torch.float32
    assert masking.table_V.mean().item() == pytest.approx(0.35, rel=1e-6)


@pytest.mark.parametrize("make", [Hard, Soft, Uniform, AuthorsHard, AuthorsSoft])
def test_resuming_in_the_middle_of_a_window_is_bitwise_exact(
    make: Callable[[], Signal],
) -> None:
    ids_GL = text()
    masking = policy(signal=make())
    for step in range(1, 6):
        masking.observe(predictions(step))
        if step % 2 == 0:
            masking.update(step)
    file = io.BytesIO()
    torch.save(masking.state_dict(), file)  # one batch into the third window
    file.seek(0)
    resumed = policy(signal=make())
    resumed.observe(predictions(99))  # state before loading must not matter
    resumed.update(3)
    resumed.observe(predictions(98))
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert any(sums.any() for sums in resumed.statistics.values())
    for step in range(6, 11):
        for each in (masking, resumed):
            each.observe(predictions(step))
            if step % 2 == 0:
                each.update(step)
        assert torch.equal(masking.table_V, resumed.table_V)
        assert same(masking.corrupt(ids_GL, step), resumed.corrupt(ids_GL, step))
    state, again = masking.state_dict(), resumed.state_dict()
    names = {"table_V", "first_V", *(f"statistics_{name}" for name in make().counters())}
    assert state.keys() == again.keys() == names
    assert all(torch.equal(state[name], again[name]) for name in names)
    if make is not Uniform:
        assert not torch.equal(masking.table_V, policy(signal=make()).table_V)


def test_the_initial_table_is_the_ratio_of_step_0_for_every_type() -> None:
    masking = policy()
    assert torch.equal(masking.table_V, torch.full((V,), 0.40))
    masking.observe(predictions(0))
    masking.update(20)
    assert torch.equal(masking.first_V, torch.full((V,), 0.40))
    assert not torch.equal(masking.table_V, masking.first_V)


def test_statistics_count_the_labelled_positions_of_all_rows() -> None:
    ids_GL, masking = text(), with_table(policy())
    corruption = masking.corrupt(ids_GL, 0)
    counts = maskable_counts(ids_GL)
    for span in (slice(0, 5), slice(5, 12)):
        rows = masking.rows(ids_GL, corruption, span, counts[span], 0)
        right = rows.labels_M % 2 == 0
        nll = torch.zeros(len(right))
        masking.observe(Predictions(rows.labels_M, right, nll, rows.shows_mask_M, rows.valid_M))
    labels = ids_GL[corruption.selected_GL]
    assert torch.equal(masking.statistics["total"], torch.bincount(labels, minlength=V))
    even = torch.bincount(labels[labels % 2 == 0], minlength=V)
    assert torch.equal(masking.statistics["correct"], even)


# --- no host-device synchronisation ---


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize("signal", [Hard(), Soft(), Uniform()], ids=["hard", "soft", "uniform"])
@pytest.mark.parametrize("normalization", ["exact", "clipped"])
def test_a_step_and_an_update_never_read_a_tensor_on_the_host(
    signal: Signal, sampler: Sampler, normalization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a step must not read a tensor on the host")

    ids_GL = text()
    counts = maskable_counts(ids_GL)
    masking = policy(signal=signal, sampler=sampler, normalization=normalization)
    seen = predictions(0)
    reads = ["item", "tolist", "nonzero", "cpu", "numpy", "__bool__", "__float__", "__int__"]
    reads += ["__index__", "__array__", "__iter__", "unique", "masked_select"]
    with monkeypatch.context() as patch:
        for name in reads:
            patch.setattr(Tensor, name, forbidden)
        with pytest.raises(AssertionError, match="must not read"):
            bool(ids_GL.sum() > 0)
        corruption = masking.corrupt(ids_GL, 0)
        rows = masking.rows(ids_GL, corruption, slice(2, 9), counts[2:9], 0)
        masking.observe(seen)
        floored = masking.update(1)
    assert rows.valid_M.any() and float(floored) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
def test_a_step_does_not_synchronise_on_a_gpu(sampler: Sampler) -> None:
    ids_GL = text()
    counts = maskable_counts(ids_GL)
    masking, on_gpu = policy(sampler=sampler), ids_GL.cuda()
    masking.cuda()
    seen = Predictions(*(each.cuda() for each in vars(predictions(0)).values()))
    masking.corrupt(on_gpu, 0)  # warm-up
    torch.cuda.set_sync_debug_mode("error")
    try:
        corruption = masking.corrupt(on_gpu, 1)
        rows = masking.rows(on_gpu, corruption, slice(0, 12), counts, 1)
        masking.observe(seen)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert check_rows(on_gpu, corruption, slice(0, 12), rows)
    assert math.isfinite(masking.update(20).item())


def test_masks_do_not_depend_on_the_default_dtype() -> None:
    ids_GL = text()
    expected = policy().corrupt(ids_GL, 3)
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = policy().corrupt(ids_GL, 3)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found.inputs_GL, expected.inputs_GL)
    assert torch.equal(found.selected_GL, expected.selected_GL)
    assert found.saturated.dtype == torch.float64

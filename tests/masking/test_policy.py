"""The masking policy: which positions can be selected, what the masks depend on, dtypes of the
table and the counters, resuming in the middle of a window, and that a step needs no host-device
synchronisation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn

from amlm.masking.marginals import exact_marginals
from amlm.masking.sampler import Sampler
from amlm.masking.schedule import Constant
from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.authors import AuthorsHard, AuthorsSoft
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.masking.signals.uniform import Uniform
from tests.masking.policies import (
    CLS,
    MASK,
    PAD,
    SAMPLERS,
    SEP,
    UNK,
    V,
    check_rows,
    maskable_counts,
    policy,
    text,
    with_table,
)


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
    one, other = vars(a), vars(b)
    absent = {name for name in one if one[name] is None}
    assert absent == {name for name in other if other[name] is None}
    pairs = ((torch.as_tensor(one[n]), torch.as_tensor(other[n])) for n in one.keys() - absent)
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
    given = {name: each.cuda() for name, each in vars(predictions(0)).items() if each is not None}
    seen = Predictions(**given)
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

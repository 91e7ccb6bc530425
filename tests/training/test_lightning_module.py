"""One training step against a literal one: Hugging Face's model, full logits, a plain loop over the
labels. And the initial weights, which depend only on the seed and on names."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from amlm.config.schema import ModelConfig, NHotConfig, OptimizerConfig
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Bernoulli, Systematic
from amlm.masking.schedule import Linear
from amlm.masking.signals import Predictions
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.models.build import build_model, to_hugging_face
from amlm.models.loss import predictions
from amlm.models.substrings import build_substring_index
from amlm.optim.lamb import Lamb
from amlm.store.datamodule import StepBatch
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.training.accumulators import Validation
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks

V, G, L = 60, 8, 16
SHAPE = ModelConfig(
    hidden_size=24, layers=2, heads=2, intermediate_size=48, dropout=0.0, max_positions=64
)


def _policy(**choices: Any) -> MaskingPolicy:
    defaults: dict[str, Any] = {
        "signal": Hard(),
        "schedule": Linear(),
        "sampler": Systematic(),
        "replacement": Replacement(),
        "special": SpecialIds(),
        "seed": 5,
    }
    return MaskingPolicy(V, 100, **{**defaults, **choices})


def _validation(types: int) -> Validation:
    return Validation(torch.arange(types), ["noun"] * types)


def _module(masking: MaskingPolicy, accumulate: int = 1) -> AdaptiveMaskedLM:
    model = build_model(SHAPE, V, None, seed=1)
    module = AdaptiveMaskedLM(
        model,
        masking,
        _policy(),
        _validation(V),
        OptimizerConfig(),
        total_steps=100,
        seed=0,
        accumulate=accumulate,
    )
    module._trainer = SimpleNamespace(global_rank=0, world_size=1)  # type: ignore[assignment]
    return module


def _ids() -> torch.Tensor:
    ids = torch.randint(5, V, (G, L), generator=torch.Generator().manual_seed(3))
    ids[:, 0], ids[::2, -1] = 1, 2
    return ids


def _batch(ids_GL: torch.Tensor, rows: slice, part: int = 0) -> StepBatch:
    maskable = tuple((ids_GL[rows] >= 5).sum(1).tolist())
    return StepBatch(ids_GL, rows, maskable, 7, part, True)


@pytest.mark.parametrize("sampler", [Systematic(), Bernoulli()])
@pytest.mark.parametrize("signal", [Hard(), Soft()])
def test_a_training_step_equals_a_literal_implementation(sampler: Any, signal: Any) -> None:
    masking = _policy(sampler=sampler, signal=signal)
    module = _module(masking)
    ids = _ids()
    loss = module.training_step(_batch(ids, slice(0, G)), 0)
    loss.backward()  # type: ignore[no-untyped-call]

    reference = to_hugging_face(module.model)
    corruption = masking.corrupt(ids, 7)
    logits = reference(corruption.inputs_GL).logits
    losses, correct, total, loss_sum = [], [0] * V, [0] * V, [0.0] * V
    for row in range(G):
        for at in range(L):
            if not corruption.selected_GL[row, at]:
                continue
            label = int(ids[row, at])
            nll = F.cross_entropy(logits[row, at], ids[row, at])
            losses.append(nll)
            if isinstance(signal, Hard):
                total[label] += 1
                correct[label] += int(logits[row, at].argmax()) == label
            elif corruption.inputs_GL[row, at] == SpecialIds.mask:
                total[label] += 1
                loss_sum[label] += nll.item()
    expected = torch.stack(losses).mean()
    expected.backward()  # type: ignore[no-untyped-call]

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    ours = dict(module.model.named_parameters())
    for name, parameter in reference.named_parameters():
        assert parameter.grad is not None and ours[name].grad is not None
        torch.testing.assert_close(ours[name].grad, parameter.grad, rtol=1e-4, atol=1e-6)
    assert masking.statistics["total"].tolist() == total
    if isinstance(signal, Hard):
        assert masking.statistics["correct"].tolist() == correct
    else:
        assert masking.statistics["loss"].tolist() == pytest.approx(loss_sum, rel=1e-5)


def test_micro_batch_losses_average_to_that_of_the_step() -> None:
    ids = _ids()
    whole, parts = _module(_policy()), _module(_policy(), accumulate=4)
    whole.training_step(_batch(ids, slice(0, G)), 0).backward()  # type: ignore[no-untyped-call]
    for part in range(4):
        rows = slice(part * 2, part * 2 + 2)
        (parts.training_step(_batch(ids, rows, part), part) / 4).backward()  # type: ignore[no-untyped-call]
    for (name, one), (_, other) in zip(
        whole.model.named_parameters(), parts.model.named_parameters(), strict=True
    ):
        assert one.grad is not None and other.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6, msg=name)
    assert torch.equal(whole.masking.statistics["total"], parts.masking.statistics["total"])
    metrics = whole.window.close(lambda x: x, 1)
    assert parts.window.close(lambda x: x, 1) == pytest.approx(metrics, rel=1e-6)
    assert metrics["ratio"] == pytest.approx(0.40 - 0.25 * 7 / 100)
    assert metrics["realised_ratio"] == pytest.approx(metrics["ratio"], abs=1 / 100)


def test_dropout_depends_only_on_seed_and_step() -> None:
    module = _module(_policy())
    module.model.deberta.embeddings.dropout.p = 0.5
    ids = _ids()

    def loss(step: int) -> float:
        batch = _batch(ids, slice(0, G))
        batch.step = step
        torch.rand(17)  # other draws in between
        return module.training_step(batch, 0).item()

    first = loss(7)
    loss(8)
    assert loss(7) == first
    module.seed = 1  # the masks have their own seed
    assert loss(7) != first


def test_a_bfloat16_comparison_equates_neighbouring_ids() -> None:
    masking = _policy()
    ids = torch.full((1, L), 1)
    rows = masking.rows(ids, masking.corrupt(_ids()[:1], 0), slice(0, 1), [L], 0)
    wide = torch.zeros(len(rows.labels_M), 600)
    wide[:, 514] = 1
    object.__setattr__(rows, "labels_M", torch.full_like(rows.labels_M, 513))
    valid = int(rows.valid_M.sum())
    assert int(predictions(wide, rows, "exact").correct_M.sum()) == 0
    # 513 and 514 are equal in bfloat16, which has eight significant bits.
    assert int(predictions(wide, rows, "bfloat16").correct_M.sum()) == valid > 0


def test_initial_weights_depend_on_seed_and_parameter_names() -> None:
    one, same, other = (build_model(SHAPE, V, None, seed) for seed in (1, 1, 2))
    for (name, a), (_, b), (_, c) in zip(
        one.named_parameters(), same.named_parameters(), other.named_parameters(), strict=True
    ):
        assert torch.equal(a, b)
        assert torch.equal(a, c) == (a.ndim == 1), name
    embedding = one.deberta.embeddings.word_embeddings.weight
    assert embedding[0].abs().sum() == 0  # type: ignore[index]
    dense = one.cls.predictions.transform.dense.weight
    assert dense.std().item() == pytest.approx(SHAPE.initializer_range, rel=0.1)

    shape = ModelConfig(**{**vars(SHAPE), "nhot": NHotConfig(fusion="add", dim=8)})
    table = build_substring_index([None] * 5 + [f"▁{'ab' * (v % 9)}{v}" for v in range(V - 5)])
    with_nhot = build_model(shape, V, table, seed=1)
    names = dict(with_nhot.named_parameters())
    assert all(torch.equal(p, names[name]) for name, p in one.named_parameters())


def test_weight_decay_applies_to_matrices_only() -> None:
    module = _module(_policy())
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, Lamb)
    matrices, rest = optimizer.param_groups
    assert (matrices["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert all(p.ndim > 1 for p in matrices["params"])
    assert all(p.ndim == 1 for p in rest["params"])
    counted = sum(len(group["params"]) for group in optimizer.param_groups)
    assert counted == len(list(module.model.parameters()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_validation_is_the_mean_over_labels_in_any_dtype(dtype: torch.dtype) -> None:
    validation = _validation(2).to(dtype)
    generator = torch.Generator().manual_seed(0)
    nll_sum, correct, labels = 0.0, 0, 0
    for _ in range(40):
        valid_M = torch.rand(300, generator=generator) < 0.9
        correct_M = (torch.rand(300, generator=generator) < 0.3) & valid_M
        nll_M = torch.rand(300, generator=generator) * valid_M
        validation.add(Predictions(valid_M.long(), correct_M, nll_M, valid_M, valid_M))
        nll_sum += nll_M.double().sum().item()
        correct += int(correct_M.sum())
        labels += int(valid_M.sum())
    found = validation.close()
    assert found["loss"] == pytest.approx(nll_sum / labels, rel=1e-7)
    assert found["accuracy"] == pytest.approx(correct / labels, rel=1e-7)
    validation.add(Predictions(valid_M.long(), correct_M, nll_M * math.nan, valid_M, valid_M))
    assert math.isnan(validation.close()["loss"])


def test_rare_types_and_bins_count_as_much_as_frequent_ones() -> None:
    # Types 0 to 5 with their counts in the training text, parts, and (labels, correct).
    counts = torch.tensor([0, 1, 2, 3, 6, 7])
    parts = ["noun", "verb", "noun", "verb", "noun", "noun"]
    outcomes = [(0, 0), (2, 1), (1, 1), (0, 0), (10, 2), (4, 4)]
    validation = Validation(counts, parts)
    for v, (labels, correct) in enumerate(outcomes):
        valid_M = torch.arange(labels + 3) < labels  # and three unused slots
        correct_M = torch.arange(labels + 3) < correct
        labels_M = torch.full((labels + 3,), v)
        validation.add(Predictions(labels_M, correct_M, torch.ones(labels + 3), valid_M, valid_M))
    found = validation.close()
    assert found["accuracy"] == 8 / 17
    assert found["accuracy_over_types"] == pytest.approx((1 / 2 + 1 + 1 / 5 + 1) / 4)
    assert found["by_frequency"] == {"1-2": 2 / 3, "3-6": 1 / 5, "7-14": 1.0}
    assert found["accuracy_over_bins"] == pytest.approx((2 / 3 + 1 / 5 + 1) / 3)
    assert found["by_part_of_speech"] == {"noun": 7 / 15, "verb": 1 / 2}


@pytest.mark.parametrize("signal", [Hard(), Soft()])
def test_the_first_rank_saves_the_sums_of_all_and_the_others_resume_from_zero(signal: Any) -> None:
    ids, half = _ids(), G // 2
    whole = _module(_policy(signal=signal))
    whole.training_step(_batch(ids, slice(0, G)), 0)
    whole.window.add_gradient_norm(torch.tensor(2.0))
    ranks = [_module(_policy(signal=signal)) for _ in range(2)]
    for rank, module in enumerate(ranks):
        module._trainer = SimpleNamespace(global_rank=rank, world_size=2)  # type: ignore[assignment]
        module.training_step(_batch(ids, slice(rank * half, (rank + 1) * half)), 0)
        module.window.add_gradient_norm(torch.tensor(2.0))

    # What every rank holds, in the order in which it is reduced, so that it can be summed here.
    def held(module: AdaptiveMaskedLM) -> list[torch.Tensor]:
        statistics = [each.clone() for each in module.masking.statistics.values()]
        return [*statistics, module.window.totals(lambda each: each)]

    totals = [one + other for one, other in zip(held(ranks[0]), held(ranks[1]), strict=True)]
    for rank, module in enumerate(ranks):
        after = iter(totals)
        module.gather_sums(lambda _, after=after: next(after), first=rank == 0)  # type: ignore[misc]

    saved = ranks[0].state_dict()
    for name, expected in whole.masking.statistics.items():
        torch.testing.assert_close(ranks[0].masking.statistics[name], expected)
        assert not ranks[1].masking.statistics[name].any()
    assert ranks[0].window.maskable == whole.window.maskable
    assert not ranks[1].window.totals(lambda each: each).any()

    for module in ranks:
        state: dict[str, Any] = {"state_dict": dict(saved), "lr_schedulers": [{"base_lrs": []}]}
        module.on_load_checkpoint(state)
        module.load_state_dict(state["state_dict"])
    for name, sums in ranks[0].masking.statistics.items():
        assert torch.equal(
            sums + ranks[1].masking.statistics[name], saved[f"masking.statistics_{name}"]
        )
    assert not ranks[1].window.totals(lambda each: each).any()
    assert torch.equal(ranks[1].masking.table_V, saved["masking.table_V"])


def test_sums_over_ranks_are_those_of_the_device_of_training() -> None:
    """As after the last step, when Lightning has moved the module to the host."""
    module = _module(_policy())
    reduced: list[str] = []

    def reduce(sums: torch.Tensor, reduce_op: str) -> torch.Tensor:
        reduced.append(sums.device.type)
        return torch.full(sums.shape, 2.0, dtype=sums.dtype)

    strategy: Any = SimpleNamespace(root_device=torch.device("meta"), reduce=reduce)
    trainer: Any = SimpleNamespace(strategy=strategy)
    module.gather_sums(over_ranks(trainer), first=True)
    assert module.is_finite(lambda sums: sums) and not module.is_finite(over_ranks(trainer))
    assert len(reduced) == 4 and set(reduced) == {"meta"}
    assert module.window.sums_5.tolist() == [2.0] * 5 and module.window.steps == 2.0

"""Replacement against its fractions over many positions, against the 80/10/10 rule, and its options
against their ranges. The draws are seeded; a bound of 6 standard deviations is exceeded by chance
once in 5·10^8 comparisons."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from amlm.config.components import build
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Systematic
from amlm.masking.schedule import Constant
from amlm.masking.signals.hard import Hard
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.errors import InputError

MASK, V = 4, 25
ORDINARY = torch.arange(5, V)
BOUND = 6.0


def corrupt(
    replacement: Replacement, ids_BL: Tensor, selected_BL: Tensor, candidates_C: Tensor = ORDINARY
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs_BL = replacement.apply(ids_BL, selected_BL, MASK, candidates_C, generator)
    return inputs_BL, (inputs_BL == MASK) & selected_BL


def z_score(count: int, total: int, p: float) -> float:
    """Distance of a count from its expectation, in standard deviations."""
    return abs(count - total * p) / math.sqrt(total * p * (1 - p))


@pytest.mark.parametrize(("mask", "random"), [(0.8, 0.1), (0.5, 0.2), (0.0, 0.6), (0.3, 0.7)])
def test_selected_positions_are_replaced_in_the_given_fractions(mask: float, random: float) -> None:
    generator = torch.Generator().manual_seed(1)
    # [UNK] is not a candidate, so a random token always differs from the original.
    ids_BL = torch.full((400, 300), SpecialIds.unk)
    selected_BL = torch.rand(ids_BL.shape, generator=generator) < 0.5
    inputs_BL, masked_BL = corrupt(Replacement(mask, random), ids_BL, selected_BL)
    assert torch.equal(inputs_BL[~selected_BL], ids_BL[~selected_BL])
    assert torch.equal(masked_BL, inputs_BL == MASK)
    assert not (masked_BL & ~selected_BL).any()
    total = int(selected_BL.sum())
    kept = int((inputs_BL == SpecialIds.unk)[selected_BL].sum())
    changed = torch.bincount(inputs_BL[selected_BL & (inputs_BL >= 5)], minlength=V)[5:]
    for count, p in (
        (int(masked_BL.sum()), mask),
        (int(changed.sum()), random),
        (kept, 1 - mask - random),
    ):
        assert z_score(count, total, p) < BOUND if 1e-9 < p < 1 else count == 0
    # Every candidate is equally likely.
    for count in changed.tolist():
        assert z_score(count, total, random / len(ORDINARY)) < BOUND


def test_fractions_of_zero_and_one_are_exact() -> None:
    ids_BL = torch.randint(5, V, (50, 40), generator=torch.Generator().manual_seed(2))
    every = torch.ones_like(ids_BL, dtype=torch.bool)
    inputs_BL, masked_BL = corrupt(Replacement(1.0, 0.0), ids_BL, every)
    assert (inputs_BL == MASK).all() and masked_BL.all()
    inputs_BL, masked_BL = corrupt(Replacement(0.0, 0.0), ids_BL, every)
    assert torch.equal(inputs_BL, ids_BL) and not masked_BL.any()
    inputs_BL, masked_BL = corrupt(Replacement(0.0, 1.0), ids_BL, every, torch.tensor([9, 11]))
    assert set(inputs_BL.flatten().tolist()) == {9, 11} and not masked_BL.any()


def test_only_selected_positions_change_and_the_argument_is_not_modified() -> None:
    ids_BL = torch.randint(0, V, (9, 31), generator=torch.Generator().manual_seed(3))
    original_BL = ids_BL.clone()
    inputs_BL, masked_BL = corrupt(
        Replacement(), ids_BL, torch.zeros_like(ids_BL, dtype=torch.bool)
    )
    assert torch.equal(inputs_BL, ids_BL) and not masked_BL.any()
    inputs_BL, masked_BL = corrupt(Replacement(), ids_BL, torch.ones_like(ids_BL, dtype=torch.bool))
    assert torch.equal(ids_BL, original_BL) and not torch.equal(inputs_BL, ids_BL)
    assert inputs_BL.dtype == torch.int64


@pytest.mark.parametrize("random_ids", ["ordinary", "any"])
def test_random_tokens_are_uniform_over_ordinary_or_all_ids(random_ids: str) -> None:
    policy = MaskingPolicy(
        V,
        100,
        signal=Hard(),
        schedule=Constant(0.5),
        sampler=Systematic(),
        replacement=Replacement(mask=0.0, random=1.0, random_ids=random_ids),
        special=SpecialIds(),
    )
    ids_GL = torch.randint(5, V, (64, 200), generator=torch.Generator().manual_seed(4))
    corruption = policy.corrupt(ids_GL, 0)
    drawn = corruption.inputs_GL[corruption.selected_GL]
    assert len(drawn) == 6400
    counts = torch.bincount(drawn, minlength=V)
    first = 0 if random_ids == "any" else 5
    assert not counts[:first].any()
    for count in counts[first:].tolist():
        assert z_score(count, 6400, 1 / (V - first)) < BOUND


def test_fractions_that_sum_to_more_than_one_are_refused() -> None:
    with pytest.raises(InputError, match=r"mask=0.9 and random=0.2 add up to more than 1"):
        Replacement(mask=0.9, random=0.2)
    Replacement(mask=0.9, random=0.1)  # a sum of exactly one is allowed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": 0.95}, "mask=0.95 and random=0.1 add up to more than 1"),
        ({"mask": -0.1}, "replacement.mask=-0.1 is out of range: it must be at least 0"),
        ({"mask": 0.0, "random": -0.5}, "replacement.random=-0.5 is out of range"),
        ({"mask": float("nan")}, "replacement.mask=nan is out of range"),
        ({"random_ids": "special"}, "random_ids=special is out of range: it must be one of"),
        (
            {"radnom": 0.1},
            r"unknown option replacement.radnom \(did you mean replacement\.random\?\)",
        ),
    ],
)
def test_invalid_options_are_named(options: dict[str, Any], message: str) -> None:
    node = {"_target_": "amlm.masking.replacement.Replacement", **options}
    with pytest.raises(InputError, match=message):
        build(node, "replacement")

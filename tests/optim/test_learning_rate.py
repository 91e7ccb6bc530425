"""The schedule against values calculated by hand, its shape, and the rates LambdaLR derives."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup

from amlm.optim.learning_rate import cosine_from_zero, cosine_with_warmup, warmup_steps


def test_cosine_with_warmup_by_hand() -> None:
    values = [cosine_with_warmup(step, total_steps=12, warmup_steps=4) for step in range(13)]
    half_root = math.sqrt(0.5) / 2
    expected = {0: 0.25, 1: 0.5, 2: 0.75, 3: 1.0, 4: 1.0}
    expected |= {6: 0.5 + half_root, 8: 0.5, 10: 0.5 - half_root, 12: 0.0}
    assert {step: values[step] for step in expected} == pytest.approx(expected, abs=1e-15)


def test_final_ratio_is_the_end_of_the_cosine() -> None:
    assert cosine_with_warmup(4, 8, 0, final_ratio=0.2) == pytest.approx(0.6)
    assert cosine_with_warmup(8, 8, 0, final_ratio=0.2) == 0.2
    assert cosine_with_warmup(999, 8, 0, final_ratio=0.2) == 0.2
    assert cosine_with_warmup(5, 8, 2, final_ratio=1.0) == 1.0


def test_the_rate_rises_to_one_then_falls_strictly() -> None:
    total, warmup = 8000, 80
    values = [cosine_with_warmup(step, total, warmup) for step in range(total + 1)]
    assert values[0] == 1 / warmup
    assert all(a < b for a, b in pairwise(values[:warmup]))
    assert values[warmup - 1] == values[warmup] == 1.0
    assert all(a > b for a, b in pairwise(values[warmup:]))
    assert values[total - 1] > 0.0
    assert values[total] == 0.0


def test_warmup_can_be_zero_or_as_long_as_the_training() -> None:
    assert cosine_with_warmup(0, 10, 0) == 1.0
    assert [cosine_with_warmup(step, 2, 2) for step in range(3)] == [0.5, 1.0, 0.0]
    assert cosine_with_warmup(0, 1, 0) == 1.0


@pytest.mark.parametrize(
    ("total", "fraction", "expected"),
    [(8000, 0.01, 80), (8001, 0.01, 81), (100, 0.07, 7), (1, 0.01, 1), (50, 0.0, 0), (50, 1, 50)],
)
def test_warmup_steps_rounds_up_the_decimal_as_written(
    total: int, fraction: float, expected: int
) -> None:
    assert warmup_steps(total, fraction) == expected


def test_lambda_lr_applies_the_multiplier_of_each_step() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine_with_warmup(step, 6, 2, 0.1)
    )
    used = []
    for _ in range(6):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert used == [2.0 * cosine_with_warmup(step, 6, 2, 0.1) for step in range(6)]
    assert used[0] == 1.0
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2)


@pytest.mark.parametrize(("total", "share"), [(8_325, 0.01), (250, 0.01), (40, 0.1), (30, 0.0)])
def test_the_authors_rates_are_those_of_transformers(total: int, share: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_cosine_schedule_with_warmup(optimizer, math.floor(total * share), total)
    for step in range(total):
        assert theirs.get_last_lr()[0] == pytest.approx(cosine_from_zero(step, total, share))
        optimizer.step()
        theirs.step()
    assert share == 0 or cosine_from_zero(0, total, share) == 0.0

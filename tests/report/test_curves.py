"""Curves over seeds against numbers worked out by hand, and packed tables against the originals."""

from __future__ import annotations

import base64
import math
import zlib

import numpy as np
import pytest
from scipy import stats

from amlm.report import packing
from amlm.report.curves import curves_of, evenly, over_seeds
from amlm.report.packing import pack_table


def test_mean_and_t_interval_at_each_step() -> None:
    curve = over_seeds([{10: 1.0, 20: 4.0}, {10: 3.0, 20: 4.0}, {10: 5.0}])
    assert curve.steps == [10, 20] and curve.count == [3, 2]
    assert curve.mean.tolist() == [3.0, 4.0]
    half = stats.t.ppf(0.975, 2) * 2.0 / math.sqrt(3)  # standard deviation 2, three runs
    assert curve.low[0] == pytest.approx(3 - half) and curve.high[0] == pytest.approx(3 + half)
    assert curve.low[1] == curve.high[1] == 4.0


def test_a_step_of_one_run_has_no_interval() -> None:
    curve = over_seeds([{10: 1.0, 30: 2.0}, {10: 2.0}])
    assert np.isfinite(curve.low).tolist() == [True, False]
    assert curve.mean.tolist() == [1.5, 2.0]
    assert np.isnan(curve.plain().low).all() and curve.plain().mean.tolist() == [1.5, 2.0]


def test_curves_are_all_finite_numbers_of_a_log_by_name_and_step() -> None:
    records = [
        {"kind": "train", "step": 5, "loss": 2.0, "accuracy": float("nan")},
        {"kind": "mask_update", "step": 5, "by_kind": {"word": 0.3}, "highest": [["a", 0.4]]},
        {"kind": "train", "step": 9, "loss": 1.0},
        {"kind": "summary", "loss": 7.0},
    ]
    assert curves_of(records) == {
        "train/loss": {5: 2.0, 9: 1.0},
        "mask_update/by_kind/word": {5: 0.3},
    }


@pytest.mark.parametrize(
    ("count", "most", "kept"),
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (41, 2, [0, 40])],
)
def test_evenly_keeps_the_first_and_the_last(count: int, most: int, kept: list[int]) -> None:
    assert evenly(count, most) == kept


def test_a_packed_table_is_within_half_a_step() -> None:
    relative_TV = np.random.default_rng(0).uniform(0.01, 12, size=(7, 500))
    lowest, step = 0.01, math.log(1_200) / 255
    text = pack_table(relative_TV, lowest, step)
    change = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
    level_TV = change.reshape(7, 500).cumsum(0, dtype=np.int64) % 256
    found_TV = lowest * np.exp(step * level_TV)
    assert np.abs(np.log(found_TV / relative_TV)).max() <= step / 2 + 1e-9


def test_the_budget_is_below_what_a_page_may_have() -> None:
    assert packing.BUDGET < 0.7 * 10_000_000

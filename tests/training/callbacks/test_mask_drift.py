"""Descriptions of a table: drift against its definitions in plain NumPy, rank bins as a partition
and against powers of two, means, kinds and extremes against hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from amlm.masking.table import drift
from amlm.tokenizers.bpe import RESERVED
from amlm.tokenizers.surfaces import kind_of
from amlm.training.callbacks.mask_drift import (
    by_frequency_rank,
    by_kind,
    extremes,
    rank_bins,
)


def table(seed: int, size: int = 500, spread: float = 1.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    w = np.exp(spread * rng.normal(size=size))
    return torch.from_numpy(0.3 * w / w.mean()).float()


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_drift_equals_its_definitions(spread: float) -> None:
    tables = [table(seed, spread=spread) for seed in range(3)]
    w, previous, first = (each.double().numpy() for each in tables)
    p, q, r = w / w.sum(), previous / previous.sum(), first / first.sum()
    entropy = -sum(x * math.log(x) for x in p)
    expected = {
        "entropy": entropy,
        "effective_types": math.exp(entropy),
        "kl_previous": sum(x * math.log(x / y) for x, y in zip(p, q, strict=True)),
        "kl_first": sum(x * math.log(x / y) for x, y in zip(p, r, strict=True)),
        "mean": sum(w) / len(w),
        "variance": sum((w - w.mean()) ** 2) / len(w),
        "minimum": min(w),
        "maximum": max(w),
    }
    result = drift(*tables)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert type(result[name]) is float
        assert result[name] == pytest.approx(value, rel=1e-9), name
    assert result["kl_previous"] != pytest.approx(result["kl_first"], rel=0.01)


def test_drift_of_a_hand_computed_example() -> None:
    # p = (1/2, 1/4, 1/4): entropy 1.5 bits; from the uniform table log 3 - 1.5 log 2.
    now, uniform = torch.tensor([0.4, 0.2, 0.2]), torch.full((3,), 0.1)
    result = drift(now, now * 0.5, uniform)
    assert result["entropy"] == pytest.approx(1.5 * math.log(2), rel=1e-6)
    assert result["effective_types"] == pytest.approx(2**1.5, rel=1e-6)
    assert result["kl_first"] == pytest.approx(math.log(3) - 1.5 * math.log(2), rel=1e-6)
    assert 0 <= result["kl_previous"] < 1e-15  # a common factor is no drift
    assert result["variance"] == pytest.approx(0.02 * 4 / 9, rel=1e-6)
    # KL(new table || old table), not the reverse.
    back = drift(uniform, now, uniform)
    kl = -math.log(3) - (math.log(1 / 2) + 2 * math.log(1 / 4)) / 3
    assert back["kl_previous"] == pytest.approx(kl, rel=1e-6)
    assert back["kl_first"] == 0


def test_drift_of_a_uniform_table() -> None:
    uniform = torch.full((40_000,), 0.15)
    result = drift(uniform, uniform, torch.full((40_000,), 0.40))
    assert result["effective_types"] == pytest.approx(40_000, rel=1e-9)
    assert result["kl_previous"] == pytest.approx(0, abs=1e-12) and result["kl_previous"] >= 0
    assert result["kl_first"] == pytest.approx(0, abs=1e-12) and result["kl_first"] >= 0
    assert result["variance"] == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("occurring", [0, 1, 2, 3, 5, 11, 12, 13, 100, 4095, 40_000])
@pytest.mark.parametrize("bins", [1, 12])
def test_rank_bins_partition_the_occurring_types(occurring: int, bins: int) -> None:
    counts_V = np.zeros(occurring + 7, dtype=np.int64)
    counts_V[np.random.default_rng(0).permutation(occurring + 7)[:occurring]] = 3
    found = rank_bins(counts_V, bins)
    assert len(found) <= bins
    assert [rank for start, stop in found for rank in range(start, stop)] == list(range(occurring))
    assert all(start < stop for start, stop in found)
    if occurring >= 4095:
        ratios = [(stop + 1) / (start + 1) for start, stop in found[4:]]
        assert len(found) == bins
        assert ratios == pytest.approx([(occurring + 1) ** (1 / bins)] * len(ratios), rel=0.05)


def test_rank_bins_double_for_2_to_the_12_minus_1_types() -> None:
    counts_V = np.arange(5000, 5000 - 4095, -1)
    assert rank_bins(counts_V) == [(2**k - 1, 2 ** (k + 1) - 1) for k in range(12)]


def test_by_frequency_rank_of_a_hand_computed_example() -> None:
    # Rank 1 is type 3, rank 2 type 0; types 1 and 5 are equally frequent and keep their order.
    counts_V = np.array([70, 20, 0, 90, 1, 20, 0])
    table_V = np.array([0.2, 0.3, 0.9, 0.1, 0.6, 0.4, 0.8], dtype=np.float32)
    result = by_frequency_rank(table_V, counts_V)
    assert list(result) == ["1-1", "2-2", "3-3", "4-4", "5-5"]
    assert list(result.values()) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.6])
    # 15 types in 12 bins, edges 16^(k/12) rounded: 1 1.26 1.59 2 2.52 3.17 4 5.04 6.35 8 10.08
    # 12.70 16, that is 1 2 3 4 5 6 8 10 13 16. The table falls with the rank.
    counts_V = np.arange(100, 115)
    table_V = (np.arange(1, 16) / 100).astype(np.float32)
    assert by_frequency_rank(table_V, counts_V) == {
        "1-1": pytest.approx(0.15),
        "2-2": pytest.approx(0.14),
        "3-3": pytest.approx(0.13),
        "4-4": pytest.approx(0.12),
        "5-5": pytest.approx(0.11),
        "6-7": pytest.approx(0.095),
        "8-9": pytest.approx(0.075),
        "10-12": pytest.approx(0.05),
        "13-15": pytest.approx(0.02),
    }
    assert by_frequency_rank(table_V, np.zeros(15, dtype=np.int64)) == {}


KINDS: dict[str, list[str | None]] = {
    "byte": [None],
    "word": ["▁the", "▁T", "▁a1", "▁'s", "▁über", "▁日本"],
    "continuation": ["ing", "s", "'s", "n't", "é", "x0", "<0xABC>"],
    "number": ["1", "▁7", "▁1,5", "0", "²", "½", "▁½", "Ⅷ"],
    "punctuation": ["▁.", ",", "...", "▁—", "<", "[", "▁<", "▁="],
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of(kind: str) -> None:
    assert {piece: kind_of(piece) for piece in KINDS[kind]} == dict.fromkeys(KINDS[kind], kind)


def test_by_kind_of_a_hand_computed_example() -> None:
    table_V = np.array([0.1, 0.2, 0.4, 0.8, 0.3], dtype=np.float32)
    result = by_kind(table_V, ["word", "byte", "word", "number", "word"])
    assert result == {
        "byte": pytest.approx(0.2),
        "number": pytest.approx(0.8),
        "word": pytest.approx(0.8 / 3),
    }


def test_extremes_are_frequent_ordinary_types() -> None:
    size = RESERVED + 8
    surfaces = [*[None] * RESERVED, *"abcdefgh"]
    table_V = np.full(size, 0.15, dtype=np.float32)
    counts_V = np.full(size, 1000)
    table_V[RESERVED:] = [0.5, 0.9, 0.3, 0.01, 0.2, 0.7, 0.02, 0.95]
    counts_V[RESERVED:] = [10, 9, 50, 10, 10, 99, 9, 0]  # b, g and h are too rare
    table_V[1], table_V[40] = 0.99, 0.001  # [CLS] and a byte have no surface form
    highest, lowest = extremes(table_V, surfaces, counts_V, top=3)
    assert [name for name, _ in highest] == ["f", "a", "c"]
    assert [name for name, _ in lowest] == ["d", "e", "c"]
    assert [value for _, value in highest] == pytest.approx([0.7, 0.5, 0.3])
    assert [value for _, value in lowest] == pytest.approx([0.01, 0.2, 0.3])
    every = [sorted(each) for each in extremes(table_V, surfaces, counts_V, top=100)]
    assert every[0] == every[1] and len(every[0]) == 5
    assert extremes(table_V, surfaces, np.zeros(size, dtype=np.int64), top=3) == ([], [])

"""Selection probabilities against water-filling by bisection in NumPy, row by row; against values
calculated by hand; and against the properties that define them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from amlm.masking.marginals import clipped_marginals, exact_marginals, target_counts

RATIOS = [0.15, 0.275, 0.40, 0.85]


def water_filling(w: NDArray[np.float64], ratio: float) -> NDArray[np.float64]:
    """The fixed point of q = min(1, c·w) with Σq = max(1, ratio·n), by bisection."""
    n = len(w)
    if n == 0:
        return w
    target = min(max(ratio * n, 1.0), n)
    low, high = 0.0, n / w.min()
    for _ in range(200):
        middle = (low + high) / 2
        if np.minimum(1, middle * w).sum() < target:
            low = middle
        else:
            high = middle
    q: NDArray[np.float64] = np.minimum(1, high * w)
    return q


def cases(length: int = 48, rows: int = 60, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Float32 weights from flat to extreme; rows with no, one, few and all positions maskable."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.0, 0.3, 1.0, 3.0], size=(rows, 1))
    weight = 0.005 + np.exp(spread * rng.normal(size=(rows, length)))
    weight[:6] = 0.001
    weight[:6, 11] = 0.9  # a rare type among easy ones
    weight[3:6, 20:30] = rng.random((3, 10))
    weight[6:9] = rng.choice([1e-6, 1e-3, 1.0, 1e3], size=(3, length))
    weight[9:12] = 0.15
    maskable = rng.random((rows, length)) < rng.random((rows, 1))
    maskable[[0, 3, 9]] = True
    maskable[[12, 13]] = False
    for row, count in enumerate((1, 1, 2, 2, 3, 4, 5, 6, 7), start=14):
        maskable[row] = rng.permutation(length) < count
    maskable[13, 5] = True
    return torch.from_numpy(weight).float(), torch.from_numpy(maskable)


@pytest.mark.parametrize("ratio", [*RATIOS, 0.01])
@pytest.mark.parametrize("length", [1, 2, 7, 48, 256])
def test_exact_marginals_equal_water_filling_by_bisection(length: int, ratio: float) -> None:
    weight_BL, maskable_BL = (each[:, :length] for each in cases(max(length, 48), seed=length))
    q_BL = exact_marginals(weight_BL, maskable_BL, ratio)
    assert q_BL.dtype == torch.float64 and q_BL.shape == weight_BL.shape
    for q, w, may in zip(
        q_BL.numpy(), weight_BL.double().numpy(), maskable_BL.numpy(), strict=True
    ):
        assert not q[~may].any()
        np.testing.assert_allclose(q[may], water_filling(w[may], ratio), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_exact_marginals_keep_the_sum_and_are_proportional_below_the_cap(ratio: float) -> None:
    weight_BL, maskable_BL = cases(seed=3)
    q_BL = exact_marginals(weight_BL, maskable_BL, ratio)
    capped = uncapped = 0
    for q, w, may in zip(
        q_BL.numpy(), weight_BL.double().numpy(), maskable_BL.numpy(), strict=True
    ):
        n = int(may.sum())
        assert q.sum() == pytest.approx(min(max(ratio * n, 1.0), n), rel=1e-12)
        q, w = q[may], w[may]
        assert ((q > 0) & (q <= 1)).all()
        assert (np.diff(q[np.argsort(w)]) >= 0).all()
        free = q < 1 - 1e-9
        np.testing.assert_allclose(q[free] / w[free], np.max(q / w, initial=0), rtol=1e-9)
        capped, uncapped = capped + int((~free).sum()), uncapped + int(free.sum())
    assert capped > 10 and uncapped > 100  # both occur at every ratio


def test_exact_marginals_by_hand() -> None:
    def exact(weights: list[float], ratio: float) -> list[float]:
        weight_1L = torch.tensor([weights])
        result: list[float] = exact_marginals(
            weight_1L, torch.ones_like(weight_1L, dtype=torch.bool), ratio
        )[0].tolist()
        return result

    # No cap: 2 of 5 in proportion to 1 : 1 : 1 : 1 : 4 would be 1/4 four times and 1.
    assert exact([1, 1, 1, 1, 4], 0.4) == pytest.approx([0.25, 0.25, 0.25, 0.25, 1])
    # The first would be 1.38; it is capped, and the other four share the remaining 1.
    assert exact([9, 1, 1, 1, 1], 0.4) == pytest.approx([1, 0.25, 0.25, 0.25, 0.25])
    # 2.8 of 4: only after the first is capped does the second exceed 1, with 4 · 1.8 / 6.
    assert exact([10, 4, 1, 1], 0.7) == pytest.approx([1, 1, 0.4, 0.4])
    assert exact([0.3, 0.3, 0.3, 0.3], 0.15) == pytest.approx([0.25] * 4)  # at least one
    assert exact([0.005], 0.15) == [1]


def test_marginals_ignore_weights_at_positions_that_are_not_maskable() -> None:
    weight_BL, maskable_BL = cases(seed=5)
    other_BL = torch.where(maskable_BL, weight_BL, 1e6)
    for rule in (exact_marginals, clipped_marginals):
        assert torch.equal(rule(weight_BL, maskable_BL, 0.4), rule(other_BL, maskable_BL, 0.4))


@pytest.mark.parametrize("rule", [exact_marginals, clipped_marginals])
def test_marginals_do_not_depend_on_the_scale_of_the_weights(
    rule: Callable[[Tensor, Tensor, float], Tensor],
) -> None:
    weight_BL, maskable_BL = cases(seed=6)
    expected = rule(weight_BL, maskable_BL, 0.4)
    torch.testing.assert_close(
        rule(weight_BL * 1e-3, maskable_BL, 0.4), expected, rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("ratio", RATIOS)
def test_clipped_marginals_follow_the_authors_rule(ratio: float) -> None:
    weight_BL, maskable_BL = cases(seed=4)
    q_BL = clipped_marginals(weight_BL, maskable_BL, ratio)
    assert q_BL.dtype == torch.float64
    lost = 0.0
    for q, w, may in zip(q_BL.tolist(), weight_BL.tolist(), maskable_BL.tolist(), strict=True):
        n, total = sum(may), sum(each for each, m in zip(w, may, strict=True) if m)
        target = min(max(ratio * n, 1.0), n)
        literal = [
            min(1.0, each * target / total) if m else 0.0 for each, m in zip(w, may, strict=True)
        ]
        assert q == pytest.approx(literal, rel=1e-12)
        lost += target - sum(q)
    assert lost > 1  # some probabilities saturate, and the excess is lost


def test_clipped_marginals_lose_the_excess_that_exact_ones_redistribute() -> None:
    weight_1L, all_1L = torch.tensor([[9.0, 1, 1, 1, 1]]), torch.ones(1, 5, dtype=torch.bool)
    clipped = clipped_marginals(weight_1L, all_1L, 0.4)
    assert clipped[0].tolist() == pytest.approx([1] + [2 / 13] * 4)
    exact = exact_marginals(weight_1L, all_1L, 0.4)
    assert (exact.sum().item(), clipped.sum().item()) == pytest.approx((2, 1 + 8 / 13))
    # Without saturation the two agree.
    flat_1L = torch.tensor([[3.0, 2, 2, 1, 1]])
    torch.testing.assert_close(
        clipped_marginals(flat_1L, all_1L, 0.4), exact_marginals(flat_1L, all_1L, 0.4)
    )


def test_target_counts_are_the_ratio_of_maskable_positions_and_at_least_one() -> None:
    maskable_BL = torch.arange(12) < torch.tensor([[0], [1], [2], [6], [7], [12]])
    expected = [0, 1, 1, 1, 1.05, 1.8]
    counts_B = target_counts(maskable_BL, 0.15)
    assert counts_B.tolist() == pytest.approx(expected, rel=1e-15)
    assert counts_B.dtype == torch.float64

"""The in-place loss against `torch.nn.functional.cross_entropy`, its entropy against the definition
in float64; the blockwise argmax against `argmax`."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amlm.masking.rows import MaskedRows
from amlm.models import loss
from amlm.models.loss import BLOCK, blockwise_argmax, predictions


def _rows(labels_M: Tensor, valid_M: Tensor) -> MaskedRows:
    return MaskedRows(labels_M[None], labels_M, labels_M, valid_M, valid_M)


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 5 * BLOCK + 77])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_blockwise_argmax_returns_the_first_maximum(size: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(size)
    logits = torch.randn(300, size, generator=generator).mul(2).round().to(dtype)  # many ties
    logits[0] = 1.0
    logits[1, -1] = 9.0
    assert torch.equal(blockwise_argmax(logits), logits.argmax(1))


@pytest.mark.parametrize("scale", [0.1, 3.0, 60.0])
@pytest.mark.parametrize("size", [5, 3 * BLOCK + 11])
def test_loss_and_gradient_equal_those_of_cross_entropy(scale: float, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    start = scale * torch.randn(40, size, generator=generator)
    start[3, 2] = 400.0  # the others' probabilities underflow
    labels = torch.randint(size, (40,), generator=generator)
    valid = torch.rand(40, generator=generator) < 0.8
    weight = torch.rand(40, generator=generator)

    ours, theirs = start.clone().requires_grad_(), start.double().requires_grad_()
    seen = predictions(ours * 1.0, _rows(labels, valid))  # consumes the product, not the leaf
    (seen.nll_M * weight).sum().backward()  # type: ignore[no-untyped-call]
    expected = F.cross_entropy(theirs, labels, reduction="none")
    (expected * weight * valid).sum().backward()  # type: ignore[no-untyped-call]

    assert ours.grad is not None and theirs.grad is not None
    torch.testing.assert_close(seen.nll_M.double(), expected * valid, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-7)
    assert torch.equal(seen.correct_M, (start.argmax(1) == labels) & valid)
    assert torch.equal(ours.detach(), start)


@pytest.mark.parametrize("scale", [0.1, 3.0, 60.0])
def test_entropy_is_that_of_the_softmax_and_changes_nothing_else(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 3 * BLOCK + 11
    monkeypatch.setattr(
        loss, "ENTROPY_BYTES", 7 * size * 4
    )  # several blocks of rows, the last short
    generator = torch.Generator().manual_seed(0)
    start = scale * torch.randn(40, size, generator=generator)
    start[3, 2] = 400.0
    start[4] = 0.0
    labels = torch.randint(size, (40,), generator=generator)
    rows, outcomes = _rows(labels, labels >= 0), []
    for entropy in (False, True):
        logits = start.clone().requires_grad_()
        seen = predictions(logits * 1.0, rows, entropy=entropy)
        seen.nll_M.sum().backward()  # type: ignore[no-untyped-call]
        outcomes.append((seen.nll_M.detach(), logits.grad))
        assert (seen.entropy_M is not None) == entropy
    assert seen.entropy_M is not None and not seen.entropy_M.requires_grad
    for plain, with_entropy in zip(*outcomes, strict=True):
        assert torch.equal(plain, with_entropy)  # to the bit
    expected = torch.special.entr(start.double().softmax(1)).sum(1)
    torch.testing.assert_close(seen.entropy_M.double(), expected, rtol=1e-5, atol=1e-5)
    assert seen.entropy_M[3] == 0 and seen.entropy_M[4].item() == pytest.approx(math.log(size))


def test_entropy_is_as_exact_under_autocast() -> None:
    start, labels = torch.randn(9, 300, generator=torch.Generator().manual_seed(0)), torch.arange(9)
    exact = predictions(start.clone(), _rows(labels, labels >= 0), entropy=True).entropy_M
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = predictions(start.clone(), _rows(labels, labels >= 0), entropy=True).entropy_M
    assert exact is not None and found is not None and torch.equal(found, exact)


def test_a_second_backward_pass_is_refused() -> None:
    logits = torch.randn(4, 6, requires_grad=True) * 1.0
    labels = torch.tensor([0, 5, 2, 2])
    loss = predictions(logits, _rows(labels, labels >= 0)).nll_M.sum()
    loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="inplace"):  # the probabilities were consumed in place
        loss.backward()  # type: ignore[no-untyped-call]

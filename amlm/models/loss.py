"""Loss and predictions at the labelled positions, in one pass.

Shapes: M slots for labelled positions, V token types.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from amlm.masking.rows import MaskedRows
from amlm.masking.signals import Predictions

BLOCK = 128  # block size, in types, of `blockwise_argmax`
# Bytes of logits whose entropy is computed at a time: on a CPU they stay in its cache, on an
# accelerator they are few kernels.
ENTROPY_BYTES, ENTROPY_BYTES_ACCELERATOR = 2**20, 2**26


def predictions(
    logits_MV: Tensor, rows: MaskedRows, compare: str = "exact", entropy: bool = False
) -> Predictions:
    """Cross-entropy and correctness at each labelled position.

    Args:
        logits_MV: the head's output at ``rows.positions_M``. Consumed in place: its memory holds
            the probabilities afterwards, and the gradient after the backward pass.
        rows: the labels, and which slots are valid.
        compare: ``exact`` compares ids as integers; ``bfloat16`` compares them after a cast, as the
            authors' script does, so that neighbouring ids can match.
        entropy: compute the entropy of the predictions too, from the softmax of the loss.

    Returns: float32 ``nll_M`` with gradient, zero at unused slots; the other fields have none.
    """
    guess_M, label_M = blockwise_argmax(logits_MV.detach()), rows.labels_M
    nll_M, entropy_M = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        logits_MV.float(), guess_M, label_M, entropy
    )
    if compare == "bfloat16":
        guess_M, label_M = guess_M.bfloat16(), label_M.bfloat16()
    return Predictions(
        labels_M=rows.labels_M,
        correct_M=(guess_M == label_M) & rows.valid_M,
        nll_M=torch.where(rows.valid_M, nll_M, 0.0),
        shows_mask_M=rows.shows_mask_M,
        valid_M=rows.valid_M,
        entropy_M=entropy_M,
    )


def blockwise_argmax(logits_MV: Tensor) -> Tensor:
    """``logits_MV.argmax(1)``; of several maxima, the first.

    `argmax` carries an index through every comparison, the maximum of a block does not. On a CPU,
    finding the block first and then the index within it takes a fifth of the time.
    """
    size = logits_MV.size(1)
    whole = size - size % BLOCK
    best_MJ = logits_MV[:, :whole].reshape(len(logits_MV), whole // BLOCK, BLOCK).amax(2)
    if whole < size:
        best_MJ = torch.cat([best_MJ, logits_MV[:, whole:].amax(1, keepdim=True)], 1)
    first_M1 = best_MJ.argmax(1, keepdim=True) * BLOCK
    inside = torch.arange(BLOCK, device=logits_MV.device)
    ids_MX = (first_M1 + inside).clamp(max=size - 1)
    inside_M1 = logits_MV.gather(1, ids_MX).argmax(1, keepdim=True)
    return ids_MX.gather(1, inside_M1).squeeze(1)


class _CrossEntropy(torch.autograd.Function):
    """``-log softmax(logits)[label]`` of each row, computed in the memory of the logits.

    With 40,000 types, the logits are by far the largest tensor of a step, and allocating a copy of
    them costs more than computing it.
    """

    @staticmethod
    def forward(
        ctx: Any, logits_MV: Tensor, guess_M: Tensor, label_M: Tensor, entropy: bool
    ) -> tuple[Tensor, Tensor | None]:
        best_M1, label_M1 = guess_M[:, None], label_M[:, None]
        gap_M1 = logits_MV.gather(1, best_M1) - logits_MV.gather(1, label_M1)
        if entropy:
            probs_MV, mean_gap_M = softmax_and_mean_gap(logits_MV.detach(), best_M1)
        else:
            probs_MV = torch.softmax(logits_MV, -1, out=logits_MV.detach())
        ctx.save_for_backward(probs_MV, label_M1)
        # The probability of the argmax is at least 1 / V, so its logarithm is accurate; the
        # label's probability can underflow.
        log_best_M = probs_MV.gather(1, best_M1).log().squeeze(1)
        nll_M = gap_M1.squeeze(1) - log_best_M
        if not entropy:
            return nll_M, None
        entropy_M = (mean_gap_M - log_best_M).clamp(min=0)
        ctx.mark_non_differentiable(entropy_M)
        return nll_M, entropy_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_M: Tensor, _: Any) -> tuple[Tensor, None, None, None]:
        probs_MV, label_M1 = ctx.saved_tensors
        d_logits_MV = probs_MV.mul_(grad_M[:, None])
        return d_logits_MV.scatter_add_(1, label_M1, -grad_M[:, None]), None, None, None


def softmax_and_mean_gap(logits_MV: Tensor, best_M1: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax in place, and the mean of ``best logit − logit`` under it, for the entropy: ``(M,)``.

    Both need the logits, which the softmax overwrites. A few rows at a time, their copy stays in
    the cache, and the logits are read from memory once.
    """
    device, bytes_per_row = logits_MV.device.type, logits_MV.size(1) * logits_MV.element_size()
    block = ENTROPY_BYTES if device == "cpu" else ENTROPY_BYTES_ACCELERATOR
    at_once = max(block // bytes_per_row, 1)
    gap_M1 = torch.empty_like(best_M1, dtype=logits_MV.dtype)
    scratch_RV = torch.empty_like(logits_MV[:at_once])
    for start in range(0, len(logits_MV), at_once):
        rows_RV = logits_MV[start : start + at_once]
        best_R1 = rows_RV.gather(1, best_M1[start : start + at_once])
        gap_RV = torch.sub(best_R1, rows_RV, out=scratch_RV[: len(rows_RV)])
        torch.softmax(rows_RV, -1, out=rows_RV)
        with torch.autocast(device, enabled=False):  # CUDA's would cast both to bfloat16
            mean_gap_R = torch.linalg.vecdot(gap_RV, rows_RV)
        gap_M1[start : start + at_once] = mean_gap_R.unsqueeze(1)
    return logits_MV, gap_M1.squeeze(1)

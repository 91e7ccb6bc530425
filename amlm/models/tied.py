"""An embedding matrix used twice: for the input lookup and, tied, in the output head.

By default, autograd allocates a gradient of the whole matrix for each use and a third one for their
sum. Here the few rows of the lookup's gradient are added to the head's. Shapes: B sequences,
L positions, V types, D hidden width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def look_up(ids_BL: Tensor, weight_VD: Tensor, padding_idx: int | None) -> tuple[Tensor, Tensor]:
    """Rows ``(B, L, D)`` of a matrix, and the matrix itself for the head's product.

    As in `torch.nn.functional.embedding`, `padding_idx` gets no gradient from the lookup. Use the
    returned matrix for a single product only: its gradient is modified in place.
    """
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return F.embedding(ids_BL, weight_VD, padding_idx), weight_VD
    rows_BLD, matrix_VD = _LookUp.apply(weight_VD, ids_BL, padding_idx)  # type: ignore[no-untyped-call]
    return rows_BLD, matrix_VD


class FusedEmbedding(nn.Module):
    """A token embedding whose looked-up rows are combined with further information (`fuse`)."""

    weight: Tensor
    padding_idx: int | None

    def forward(self, ids: Tensor) -> Tensor:
        """Embeds int64 `ids` of any shape [...] as [..., D]."""
        return self.fuse(F.embedding(ids, self.weight, self.padding_idx), ids)

    def fuse(self, rows: Tensor, ids: Tensor) -> Tensor:
        """Returns the final embeddings ``[..., D]`` of `ids`, given their rows of the matrix."""
        raise NotImplementedError


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight_VD: Tensor, ids_BL: Tensor, padding_idx: int | None
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(ids_BL)
        ctx.padding_idx, ctx.shape = padding_idx, weight_VD.shape
        ctx.set_materialize_grads(False)
        return F.embedding(ids_BL, weight_VD), weight_VD.view_as(weight_VD)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_rows_BLD: Tensor | None, d_matrix_VD: Tensor | None
    ) -> tuple[Tensor | None, None, None]:
        if d_rows_BLD is None:
            return d_matrix_VD, None, None
        (ids_BL,) = ctx.saved_tensors
        if d_matrix_VD is None:
            d_matrix_VD = d_rows_BLD.new_zeros(ctx.shape)
        if ctx.padding_idx is not None:
            d_rows_BLD = d_rows_BLD.masked_fill((ids_BL == ctx.padding_idx)[..., None], 0)
        # In place: the head's gradient is a fresh product that nothing else uses.
        return d_matrix_VD.index_add_(0, ids_BL.flatten(), d_rows_BLD.flatten(0, 1)), None, None

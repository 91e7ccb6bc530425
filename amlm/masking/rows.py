"""A corrupted batch, and the rows of it that one rank predicts in one micro-batch.

Shapes: G sequences of a step's global batch, R consecutive rows of it, L positions, M slots for the
labelled positions of R rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Mask ratios from 0.40 to 0.15 meet 32 shapes, and 0.4 % of the positions are unused slots.
SLOT_GRID = 128


@dataclass(frozen=True)
class Corruption:
    """The corrupted global batch of a step."""

    inputs_GL: Tensor  # int64, input ids of the model
    selected_GL: Tensor  # bool, positions that carry a label
    saturated: Tensor  # scalar, fraction of maskable positions with selection probability 1
    begins_GL: Tensor | None = None  # bool, where units begin; None: positions were selected singly


@dataclass(frozen=True)
class MaskedRows:
    """R rows of a corrupted batch, with their labelled positions gathered into M slots."""

    inputs_RL: Tensor  # int64
    positions_M: Tensor  # int64, indices into the flattened [R·L]; 0 at unused slots
    labels_M: Tensor  # int64, the original ids; the id at position 0 at unused slots
    shows_mask_M: Tensor  # bool, whether the input at that position is [MASK]
    valid_M: Tensor  # bool, false at unused slots


def slots(labels: int, positions: int) -> int:
    """Number of slots for up to ``labels`` labels at ``positions`` positions.

    The next multiple of a ``SLOT_GRID``-th of the positions. The number of labels falls with the
    mask ratio at nearly every step. What is kept for each shape (kernels of a CPU's matrix library,
    compiled code, captured graphs) then stays at some tens of shapes per block length.
    """
    grid = max(1, positions // SLOT_GRID)
    return min(max(-(-labels // grid) * grid, 1), positions)


def gather_rows(
    ids_GL: Tensor, corruption: Corruption, rows: slice, capacity: int, mask_id: int
) -> MaskedRows:
    """Takes rows of a corrupted batch and gathers their labelled positions into ``capacity`` slots.

    No host-device synchronisation: unused slots are flagged, positions beyond the capacity dropped.
    """
    inputs_RL = corruption.inputs_GL[rows]
    selected = corruption.selected_GL[rows].flatten()
    slot = torch.where(selected, selected.cumsum(0) - 1, capacity).clamp(max=capacity)
    positions = torch.full((capacity + 1,), -1, dtype=torch.int64, device=ids_GL.device)
    indices = torch.arange(selected.numel(), device=ids_GL.device)
    positions_M = positions.scatter_(0, slot, indices)[:capacity]
    valid_M = positions_M >= 0
    positions_M = positions_M.clamp(min=0)
    return MaskedRows(
        inputs_RL=inputs_RL,
        positions_M=positions_M,
        labels_M=ids_GL[rows].flatten()[positions_M],
        shows_mask_M=inputs_RL.flatten()[positions_M] == mask_id,
        valid_M=valid_M,
    )

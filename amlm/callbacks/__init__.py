"""Lightning callbacks, one idea per file.

`mask_update` speaks to the others: it calls ``on_mask_update`` of every callback that has it, with
an `Update`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import lightning as L
import torch
from torch import Tensor


@dataclass(frozen=True)
class Update:
    """One update of the masking table. V token types."""

    step: int  # optimizer steps done
    previous_V: Tensor  # the table before
    table_V: Tensor  # the table now
    floored: Tensor  # scalar, share of types that the floor held up


def over_ranks(trainer: L.Trainer) -> Callable[[Tensor], Tensor]:
    """A function that sums a tensor over all ranks."""

    def reduce(sums: Tensor) -> Tensor:
        reduced = trainer.strategy.reduce(sums, reduce_op="sum")
        assert isinstance(reduced, torch.Tensor)
        return reduced

    return reduce

"""Lightning callbacks, one idea per file.

Two of them speak to the others: `mask_update` calls ``on_mask_update`` of every callback that has
it, with an `Update`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Update:
    """One update of the masking table. V token types."""

    step: int  # optimizer steps done
    previous_V: Tensor  # the table before
    table_V: Tensor  # the table now
    floored: Tensor  # scalar, share of types that the floor held up

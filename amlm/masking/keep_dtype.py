"""A module whose numbers stay as exact as they were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class KeepDtype(nn.Module):
    """Moves between devices and refuses casts, also for the modules in it.

    A model cast to bfloat16 keeps its masking table in float32 and its counters exact.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(  # type: ignore[no-untyped-call]
            lambda tensor: tensor.to(fn(tensor).device), recurse
        )
        return self

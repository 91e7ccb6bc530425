"""A module whose buffers keep their dtype when the model is cast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class KeepDtype(nn.Module):
    """Follows moves between devices and ignores dtype casts, as do its submodules.

    When a model is cast to bfloat16, its masking table stays in float32 and its counters exact.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(  # type: ignore[no-untyped-call]
            lambda tensor: tensor.to(fn(tensor).device), recurse
        )
        return self

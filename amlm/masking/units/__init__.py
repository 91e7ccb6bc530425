"""Units: the pieces of text that are selected together.

A unit is one dataclass in one file (see `Unit`) and one YAML file in ``conf/masking/unit``.
Shapes: G sequences, L positions.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Unit(Protocol):
    def begins(self, words_GL: Tensor, share: float, generator: torch.Generator) -> Tensor | None:
        """Whether a unit begins at each position, bool ``[G, L]``; None: at every position.

        Args:
            words_GL: bool, whether a word begins at each position. True at the first position of a
                sequence, at special tokens and after them: no unit extends over these, whatever is
                returned there.
            share: share of the run that is over, in [0, 1).
            generator: a host generator, so that units are the same on every device.
        """
        ...


def unit_name(unit: Unit, share: float = 0.0) -> str:
    """The unit that is selected after a share of the run, in lower case, e.g. ``word``."""
    return "token" if share >= getattr(unit, "switch", 1.0) else type(unit).__name__.lower()

"""Words as units: all pieces of a word are selected together (whole-word masking).

What a word is: see `amlm.tokenizers.word_starts`. A word that a block cuts in two is two words, one
at the end of its block and one at the start of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.config.options import option


@dataclass
class Word:
    """Whole words, and single tokens for the rest of the run after ``switch``."""

    switch: float = option(
        1.0, "share of the run after which single tokens are masked; 1: never", ge=0, le=1
    )

    def begins(self, words_GL: Tensor, share: float, generator: torch.Generator) -> Tensor | None:
        return None if share >= self.switch else words_GL

"""Spans as units: runs of whole words (SpanBERT, Joshi et al. 2020).

Shapes: G sequences, L positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from amlm.config.options import option
from amlm.masking.sampler import uniform
from amlm.masking.units.word import Word
from amlm.util.errors import InputError


def span_lengths(mean: float, longest: int) -> list[float]:
    """Probabilities of 1 ... ``longest`` words, ``∝ r^(k−1)`` with the r that gives this mean.

    The mean is that of the truncated distribution, as in SpanBERT: 3.8 with r = 0.8 up to 10.
    """

    def probabilities(r: float) -> list[float]:
        powers = [r**k for k in range(longest)]
        return [power / sum(powers) for power in powers]

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        short = sum(k * p for k, p in enumerate(probabilities(middle), start=1)) < mean
        low, high = (middle, high) if short else (low, middle)
    return probabilities(low)


@dataclass
class Span(Word):
    """Cuts each sequence into consecutive spans whose lengths in words are drawn anew each step.

    Every word belongs to one span, and the words of a span are selected together. Two selected
    spans can be neighbours.
    """

    mean: float = option(3.0, "mean length of a span in words", ge=1)
    longest: int = option(10, "maximum length of a span in words", ge=1, le=1_000)

    def __post_init__(self) -> None:
        if self.mean > (self.longest + 1) / 2:
            raise InputError(
                f"masking.unit.mean={self.mean} is too long for spans of up to "
                f"masking.unit.longest={self.longest} words: it can be at most "
                f"{(self.longest + 1) / 2:g}"
            )
        self._cumulative = list(accumulate(span_lengths(self.mean, self.longest)))[:-1]

    def begins(self, words_GL: Tensor, share: float, generator: torch.Generator) -> Tensor | None:
        if share >= self.switch:
            return None
        words = words_GL.shape[1]  # no sequence has more
        drawn_GL = uniform(words_GL.shape, generator, torch.device("cpu"), torch.float64)
        steps = torch.tensor(self._cumulative, dtype=torch.float64)
        ends_GL = (torch.bucketize(drawn_GL, steps, right=True) + 1).cumsum(1).clamp(max=words)
        first_GW = torch.zeros(len(ends_GL), words + 1, dtype=torch.bool)  # of word number w
        first_GW[:, 0] = True
        first_GW.scatter_(1, ends_GL, True)
        first_GW = first_GW.to(words_GL.device, non_blocking=True)
        return words_GL & first_GW.gather(1, (words_GL.cumsum(1) - 1).clamp(min=0))

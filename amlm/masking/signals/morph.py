"""Morph signal: accuracy of a type's character trigrams.

Shapes: V token types, P pairs of a type and one of its trigrams.
Accuracy-Morph, of an entry to BabyLM 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from amlm.masking.signals import Context
from amlm.masking.signals.hard import Hard

END = "\n"  # marks the end of a surface form; its start has the word-boundary mark, or none


def trigrams(surface: str) -> list[str]:
    """The distinct character trigrams of a surface form and its end, in order; of a shorter form,
    itself."""
    marked = surface + END
    return list(dict.fromkeys(marked[i : i + 3] for i in range(max(len(marked) - 2, 1))))


@dataclass
class Morph(Hard):
    """Mean over the trigrams of a type of ``(correct + 0.5) / (total + 1)``, which is one minus
    their smoothed error rate. A trigram counts all types that have it, so that rare types borrow
    from frequent ones. Types without a surface form score as in `Hard`."""

    def prepare(self, context: Context) -> None:
        found = [[] if s is None else trigrams(s) for s in context.surfaces]
        names: dict[str, int] = {}
        for name in chain.from_iterable(found):
            names.setdefault(name, len(names))
        self.trigrams = len(names)
        self.type_P = torch.tensor([v for v, many in enumerate(found) for _ in many])
        self.trigram_P = torch.tensor([names[name] for many in found for name in many])

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        own_V = super().score(statistics)
        type_P, trigram_P = (each.to(own_V.device) for each in (self.type_P, self.trigram_P))
        sums = {
            name: sum_V.new_zeros(self.trigrams).index_add_(0, trigram_P, sum_V[type_P])
            for name, sum_V in statistics.items()
        }
        score_P = super().score(sums)[trigram_P]
        total_V = torch.zeros_like(own_V).index_add_(0, type_P, score_P)
        size_V = torch.zeros_like(own_V).index_add_(0, type_P, torch.ones_like(score_P))
        return torch.where(size_V > 0, total_V / size_V.clamp(min=1), own_V)

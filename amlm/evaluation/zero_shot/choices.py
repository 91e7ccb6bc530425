"""Which candidate the official pipeline chooses, ties included.

Scores are compared in float32, as there. Shapes: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amlm.evaluation.figures import Bools, Floats
from amlm.evaluation.rules import Rules
from amlm.evaluation.zero_shot.items import Item, ids
from amlm.util.seeds import derived_seed


@dataclass(frozen=True)
class Choices:
    """The choice of each item.

    Attributes:
        chosen: the index of the chosen candidate.
        official_N: whether its text is that of the correct one, as the leaderboard's server asks.
        expected_N: the share of correct texts among the tied candidates; None if none is drawn.
    """

    chosen: list[int]
    official_N: Bools
    expected_N: Floats | None


def highest(scores: Floats, ties: str) -> list[int]:
    """The candidates among which the pipeline chooses.

    With ``ties="first"`` that is one: the first with the highest score, or if a candidate is too
    long to be scored the last, which is incorrect. With ``"drawn"`` it is all those with the
    highest score, of which NaN is the lowest.
    """
    if ties == "drawn":
        lowest = np.where(np.isnan(scores), -np.inf, scores).astype(np.float32)
        return np.flatnonzero(lowest == lowest.max()).tolist()
    if not np.isfinite(scores).all():
        return [len(scores) - 1]
    return [int(np.argmax(scores.astype(np.float32)))]


def choose(rules: Rules, items: Sequence[Item], scores: Sequence[Floats], seed: int) -> Choices:
    """The official choices. A draw depends on the seed and the item's id only."""
    chosen, official, expected = [], [], []
    for name, item, each in zip(ids(items), items, scores, strict=True):
        tied = highest(each, rules.ties)
        draw = derived_seed(seed, f"tie of {name}") % len(tied)
        texts = [candidate.answer.strip() for candidate in item.candidates]
        chosen.append(tied[draw])
        official.append(texts[tied[draw]] == texts[0])
        expected.append(float(np.mean([texts[n] == texts[0] for n in tied])))
    drawn = rules.ties == "drawn"
    return Choices(chosen, np.array(official, dtype=bool), np.array(expected) if drawn else None)

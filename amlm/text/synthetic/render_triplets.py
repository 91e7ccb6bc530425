"""Renders triplets as lines of text: three lines, a pair, or one line with separators."""

from __future__ import annotations

from collections.abc import Sequence

from amlm.text.lines import SEGMENT, normalised

RENDERINGS = ("separate", "pair", "joined")


def render(triplet: Sequence[str], how: str) -> list[str]:
    """Renders a triplet as lines of text.

    Args:
        triplet: anchor, positive and negative.
        how: ``separate``: three lines; ``pair``: anchor and positive on one line, without the
            negative; ``joined``: all three on one line, separated by `SEGMENT` (a ``[SEP]``).

    >>> render(["a b", "c", "d"], "separate"), render(["a b", "c", "d"], "pair")
    (['a b', 'c', 'd'], ['a b c'])
    """
    anchor, positive, negative = map(normalised, triplet)
    match how:
        case "separate":
            return [anchor, positive, negative]
        case "pair":
            return [f"{anchor} {positive}"]
        case "joined":
            return [SEGMENT.join((anchor, positive, negative))]
    raise ValueError(f"{how!r} is not one of {', '.join(RENDERINGS)}")

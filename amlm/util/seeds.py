"""Derives a seed for each purpose at each point of a run."""

from __future__ import annotations

import hashlib


def derived_seed(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed for one purpose at one point of a run, e.g. ``("masking", step)``.

    Draws do not depend on earlier draws, so a resumed run draws the same numbers.
    """
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1

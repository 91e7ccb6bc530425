"""Seeds: one for each purpose at each point of a run."""

from __future__ import annotations

import hashlib


def derived_seed(seed: int, purpose: str, *counters: int) -> int:
    """A seed of 63 bits for one purpose at one point of a run, e.g. ``("masking", step)``.

    Nothing depends on who drew before, so a resumed run draws what it would have drawn.
    """
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1

"""Packs tables and vocabularies for the page: a byte for a probability, compressed.

A byte holds the logarithm of *w/p* in steps of 3 %, from 0.008 to 16; 0 is below. What is
compressed is the difference to the update before. Shapes: V token types, T updates.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence

import numpy as np

from amlm.report.curves import evenly
from amlm.report.report_data import Group
from amlm.report.statistics import Floats

LOWEST, STEP = 0.008, 0.03
BUDGET = 6_000_000  # bytes of the page for all tables
MOST = 60  # updates shown


def pack(content: bytes) -> str:
    """Compresses (zlib) and encodes (base64)."""
    return base64.b64encode(zlib.compress(content, 6)).decode()


def pack_table(relative_TV: Floats) -> str:
    """Packs masking probabilities relative to their mean."""
    level_TV = np.rint(np.log(np.maximum(relative_TV, LOWEST / 2) / LOWEST) / STEP)
    byte_TV = np.clip(level_TV, 0, 255).astype(np.uint8)
    change_TV = byte_TV.copy()
    change_TV[1:] -= byte_TV[:-1]  # modulo 256
    return pack(change_TV.tobytes())


def pack_groups(groups: Sequence[Group], chosen: Sequence[np.ndarray]) -> tuple[list[str], int]:
    """Packs the mean tables of groups, at as many updates as fit.

    Args:
        chosen: for each group, the types to pack, in their order.

    Returns: the packed tables, and the number of updates at most (see `evenly`).
    """
    most = MOST
    while True:
        packed = []
        for group, types in zip(groups, chosen, strict=True):
            kept = evenly(len(group.updates), most)
            ratio_T1 = np.array([[group.ratios[t]] for t in kept])
            packed.append(pack_table(group.mean_tables(kept)[:, types] / ratio_T1))
        size = sum(map(len, packed))
        shown = max((len(evenly(len(group.updates), most)) for group in groups), default=0)
        if size <= BUDGET or shown <= 2:
            return packed, most
        most = max(2, min(math.floor(shown * BUDGET / size), shown - 1))

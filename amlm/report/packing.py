"""Packs tables and vocabularies for the page: a byte for a probability, compressed.

A byte holds the logarithm of *w/p* between the lowest and the highest of all tables. What is
compressed is the difference to the update before. Shapes: V token types, T updates.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amlm.report.curves import evenly
from amlm.report.report_data import Group
from amlm.report.statistics import Floats

BUDGET = 6_000_000  # bytes of the page for all tables
MOST = 60  # updates shown


@dataclass(frozen=True)
class Packed:
    """Packed tables.

    Attributes:
        tables: one text per group.
        most: the number of updates of a table at most (see `evenly`).
        lowest, step: level n stands for *w/p* = lowest · exp(step · n).
    """

    tables: list[str]
    most: int
    lowest: float
    step: float


def pack(content: bytes) -> str:
    """Compresses (zlib) and encodes (base64)."""
    return base64.b64encode(zlib.compress(content, 6)).decode()


def pack_table(relative_TV: Floats, lowest: float, step: float) -> str:
    """Packs masking probabilities relative to the mask ratio."""
    level_TV = np.rint(np.log(relative_TV / lowest) / step).astype(np.uint8)
    change_TV = level_TV.copy()
    change_TV[1:] -= level_TV[:-1]  # modulo 256
    return pack(change_TV.tobytes())


def pack_groups(groups: Sequence[Group], chosen: Sequence[NDArray[np.intp]]) -> Packed:
    """Packs the mean tables of groups, at as many updates as fit.

    Args:
        groups: at least one, each with an update.
        chosen: for each group, the types to pack, in their order.
    """

    def table(group: Group, types: NDArray[np.intp], most: int) -> Floats:
        kept = evenly(len(group.updates), most)
        ratio_T1 = np.array([[group.ratios[t]] for t in kept])
        relative_TV: Floats = group.mean_tables(kept)[:, types] / ratio_T1
        return relative_TV

    pairs = list(zip(groups, chosen, strict=True))
    ends = [(each.min(), each.max()) for each in (table(*pair, MOST) for pair in pairs)]
    lowest = float(min(low for low, _ in ends))
    step = max(math.log(max(high for _, high in ends) / lowest) / 255, 1e-6)
    most = MOST
    while True:
        packed = [pack_table(table(*pair, most), lowest, step) for pair in pairs]
        size = sum(map(len, packed))
        shown = max(len(evenly(len(group.updates), most)) for group in groups)
        if size <= BUDGET or shown <= 2:
            return Packed(packed, most, lowest, step)
        most = max(2, min(math.floor(shown * BUDGET / size), shown - 1))

"""Mixing by words: how many words of each source, and which of its lines.

A word is what ``str.split`` yields. Shapes: S lines of a source.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amlm.text.lines import RUN_LINES
from amlm.util.errors import InputError

TOLERANCE = 0.001  # relative error of a source's words
REST = "rest"  # the share of all sources without a share of their own


@dataclass(frozen=True)
class Selection:
    """Lines of a source: all of them ``repeats`` times, and some of them once more."""

    repeats: int
    once_more_S: NDArray[np.bool_]

    @property
    def lines(self) -> int:
        """Number of lines, repetitions included."""
        return self.repeats * len(self.once_more_S) + int(self.once_more_S.sum())

    def words(self, words_S: NDArray[np.int32]) -> int:
        """Number of words, repetitions included, given those of each line of the source."""
        once_more = int(words_S[self.once_more_S].sum(dtype=np.int64))
        return self.repeats * int(words_S.sum(dtype=np.int64)) + once_more


def _share_of_each(available: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, float]:
    """Divides the share of the rest among the other sources in proportion to their words."""
    others = {name: words for name, words in available.items() if name not in shares}
    total = max(sum(others.values()), 1)
    named = {name: share for name, share in shares.items() if name != REST}
    rest = shares.get(REST, 0.0)
    return {**named, **{name: rest * words / total for name, words in others.items()}}


def word_targets(
    available: Mapping[str, int], shares: Mapping[str, float], words: int | None, repeat: bool
) -> dict[str, int]:
    """Words to take from each source.

    Args:
        available: words of each source.
        shares: share of each source and of the `REST`, with sum 1; empty: in proportion to words.
        words: words in all; None: as many as the shares allow without repetition.
        repeat: whether a source may be repeated.

    Raises:
        InputError: a source has too few words; states how many are missing.
    """
    if not shares:
        if words is None:
            return dict(available)
        shares = {REST: 1.0}
    shares = _share_of_each(available, shares)
    if words is None:
        words = min(math.floor(available[name] / share) for name, share in shares.items() if share)
    # The largest remainders are rounded up, so that the sum is exact.
    exact = {name: shares.get(name, 0.0) * words for name in available}
    targets = {name: math.floor(value) for name, value in exact.items()}
    short = words - sum(targets.values())
    for name in sorted(exact, key=lambda name: targets[name] - exact[name])[: max(short, 0)]:
        targets[name] += 1
    if not repeat:
        # Rounding of the shares can request one word more than there is.
        targets = {
            name: available[name] if count == available[name] + 1 else count
            for name, count in targets.items()
        }
    missing = [name for name in targets if targets[name] > available[name]]
    if missing and not repeat:
        each = "; ".join(
            f"{name} has {available[name]:,} of {targets[name]:,} words, "
            f"{targets[name] - available[name]:,} are missing"
            for name in missing
        )
        raise InputError(
            f"data.words={words:,} is more than the sources have: {each}. Use fewer words, other "
            "data.shares, more text, or data.allow_repeat=true"
        )
    empty = [name for name in targets if targets[name] and not available[name]]
    if empty:
        raise InputError(f"{empty[0]} has no words to repeat")
    return targets


def _exchange(words_S: NDArray[np.int32], chosen_S: NDArray[np.bool_], more: int) -> int:
    """Swaps a chosen line for one that is ``more`` words longer, if any; returns words gained."""
    lengths = np.intersect1d(words_S[chosen_S] + more, words_S[~chosen_S])
    if not more or not len(lengths):
        return 0
    out = np.flatnonzero(chosen_S & (words_S == lengths[0] - more))[0]
    into = np.flatnonzero(~chosen_S & (words_S == lengths[0]))[0]
    chosen_S[out], chosen_S[into] = False, True
    return more


def select_lines(words_S: NDArray[np.int32], target: int, *, seed: int, name: str) -> Selection:
    """Selects lines with ``target`` words in all, drawn from the whole source; up to `TOLERANCE`
    fewer where no line fills the remainder.

    Runs of `RUN_LINES` consecutive lines are drawn in random order until the next one does not fit.
    Single lines of the following runs fill the remainder, and if none is short enough, a chosen
    line is swapped for a longer one, if a single swap gives the target.

    Args:
        words_S: words of each line.
        target: words to select; if there are fewer, lines are repeated.
        seed: seed of the draw.
        name: name of the source, which also enters the seed.

    Raises:
        InputError: the lines are too long to come within `TOLERANCE` of the target.
    """
    total = int(words_S.sum())
    repeats, rest = divmod(target, total) if target else (0, 0)
    once_more_S = np.zeros(len(words_S), dtype=bool)
    shortest = int(words_S.min(initial=1))
    first = np.arange(0, len(words_S), RUN_LINES)
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    order = np.random.default_rng(int.from_bytes(digest, "big")).permutation(len(first))
    if rest:
        cumulative = np.add.reduceat(words_S, first, dtype=np.int64)[order].cumsum()
        whole = int(np.searchsorted(cumulative, rest, side="right"))
        for run in order[:whole]:
            once_more_S[first[run] : first[run] + RUN_LINES] = True
        missing = rest - (int(cumulative[whole - 1]) if whole else 0)
        for run in order[whole:]:
            for line in range(first[run], min(first[run] + RUN_LINES, len(words_S))):
                if words_S[line] <= missing:
                    once_more_S[line] = True
                    missing -= int(words_S[line])
            if missing < shortest:
                break
        missing -= _exchange(words_S, once_more_S, missing)
        if missing > TOLERANCE * target:
            raise InputError(
                f"the lines of {name} are too long to select {target:,} words: the closest "
                f"selection is {missing:,} words short. Use more words or shorter lines"
            )
    return Selection(repeats, once_more_S)

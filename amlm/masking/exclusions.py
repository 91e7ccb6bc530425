"""Token types that are never masked, and types that adaptive masking should not be drawn to.

Adaptive signals seek out what is hard, and noise stays hard: mark-up, speaker names, stray symbols.
Shapes: V token types.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from amlm.tokenizers.bpe import BOUNDARY
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

NOISE_SHARE = 0.5  # of the types masked most, from which on the log warns
MARKUP = frozenset("<>[]{}=&\\_#@|*~^/%+")


def excluded_ids(exclude: Sequence[str], surfaces: Sequence[str | None]) -> list[int]:
    """Ids of the types that ``masking.exclude`` names.

    Args:
        exclude: surface forms (``▁the`` for the type that begins a word, ``the`` for both), or
            regular expressions between slashes, which must match a whole form without its ``▁``.
        surfaces: surface form of each id (see `amlm.tokenizers.surfaces`).

    Raises:
        InputError: an entry matches no type or is no regular expression, or every type is excluded.
    """
    ids: set[int] = set()
    texts = [None if surface is None else surface.removeprefix(BOUNDARY) for surface in surfaces]
    for entry in exclude:
        if len(entry) > 2 and entry[0] == entry[-1] == "/":
            try:
                pattern = re.compile(entry[1:-1])
            except re.error as error:
                raise InputError(
                    f"masking.exclude={entry} is not a regular expression: {error}"
                ) from error
            found = {v for v, text in enumerate(texts) if text and pattern.fullmatch(text)}
        else:
            found = {v for v, s in enumerate(surfaces) if s is not None and entry in (s, texts[v])}
        if not found:
            known = [text for text in texts if text]
            raise InputError(
                f"masking.exclude={entry} matches no token type{nearest(entry, known)}: leave it "
                "out, or give a regular expression between slashes, e.g. '/[<>].*/'"
            )
        ids |= found
    if ids and len(ids) == sum(surface is not None for surface in surfaces):
        raise InputError(
            f"masking.exclude={list(exclude)} excludes every token type: nothing is left to mask"
        )
    return sorted(ids)


def hold(table_V: Tensor, excluded_V: Tensor, ratio: float) -> Tensor:
    """Sets the excluded types to p, and rescales the others so that their mean is p as well."""
    kept_V = torch.where(excluded_V, 0, table_V.double())
    mean = kept_V.sum() / (~excluded_V).sum()
    return torch.where(excluded_V, ratio, kept_V * (ratio / mean)).float()


def is_noise(surface: str) -> bool:
    """Whether a surface form looks like mark-up, a speaker's name in capitals, or a symbol."""
    text = surface.removeprefix(BOUNDARY)
    if not any(character.isalnum() for character in text):
        return True
    return bool(MARKUP & set(text)) or (len(text) > 1 and text.isalpha() and text.isupper())


def noise_warning(highest: Sequence[str]) -> str | None:
    """A warning if many of the types masked most are noise; None if they are not."""
    noise = [surface for surface in highest if is_noise(surface)]
    if not noise or len(noise) < NOISE_SHARE * len(highest):
        return None
    return (
        f"{len(noise)} of the {len(highest)} types masked most are mark-up, speaker names or "
        f"single symbols ({' '.join(noise[:8])}): clean the text (data/cleaning=full) or exclude "
        "them from masking (masking.exclude=[...])"
    )

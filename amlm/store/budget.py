"""The budget of a BabyLM track: how much text, how often, checked before anything is trained.

Rules of 2026 (arXiv 2602.20092): words are what ``str.split`` yields, and everything that any
component sees counts. In the multilingual track a word is `BYTES_PER_WORD` bytes of UTF-8, times
the language's byte premium.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from amlm.util.errors import InputError

PASSES = 10  # over any text
MULTILINGUAL = "multilingual"
BYTES_PER_WORD = 5.43  # of English: the organisers size 100 million words as 543.00 MB
# Relative to English. The call for papers gives that of traditional characters for all Chinese.
BYTE_PREMIUM = {"eng": 1.0, "nld": 1.0516, "zho": 0.9894}


class Caps(NamedTuple):
    """Limits of a track, in words: of text, and of text seen, repetitions included."""

    words: int
    exposure: int


CAPS = {
    "strict_small": Caps(10_000_000, 100_000_000),
    "strict": Caps(100_000_000, 1_000_000_000),
    MULTILINGUAL: Caps(100_000_000, 1_000_000_000),
}


class Use(NamedTuple):
    """What a run sees of a source: its words, those of an epoch, and passes over it in the run."""

    name: str
    words: float
    per_epoch: float
    passes: float


def uses(
    track: str,
    sources: Sequence[Mapping[str, Any]],
    epochs: float,
    languages: Mapping[str, str],
) -> list[Use]:
    """What a run sees of each source.

    Args:
        track: name of the track.
        sources: statistics of the training text in the store.
        epochs: of the run. In one, a source can be seen more than once (``data.allow_repeat``).
        languages: by source, for the multilingual track.

    Raises:
        InputError: the language of a source is not given.
    """
    found = []
    for source in sources:
        name, words, kept = source["name"], source["words"], source["words_kept"]
        repeats = max(1.0, words / max(kept, 1))
        if track == MULTILINGUAL:
            if name not in languages:
                raise InputError(
                    f"data.track={track} counts words by language, and that of {name} is unknown: "
                    f"give data.languages.{name}=<{', '.join(BYTE_PREMIUM)}>"
                )
            words = source["bytes"] / BYTES_PER_WORD / BYTE_PREMIUM[languages[name]]
        found.append(Use(name, words / repeats, words, epochs * repeats))
    return found


def check_budget(
    track: str | None,
    sources: Sequence[Mapping[str, Any]],
    epochs: float,
    languages: Mapping[str, str],
) -> None:
    """Raises InputError if a run is beyond the caps of its track; names each of them."""
    if track is None:
        return
    caps, found = CAPS[track], uses(track, sources, epochs, languages)
    words, per_epoch = sum(each.words for each in found), sum(each.per_epoch for each in found)
    most = max(found, key=lambda each: each.passes)
    problems = []
    if round(words) > caps.words:
        by_source = ", ".join(f"{each.name} {each.words:,.0f}" for each in found)
        problems.append(
            f"the training text has {words:,.0f} words after cleaning ({by_source}), and "
            f"{caps.words:,} are allowed: use fewer sources or data.words={caps.words:_}"
        )
    if most.passes > PASSES:
        problems.append(
            f"{most.name} is seen {most.passes:.4g} times, and {PASSES} are allowed: lower "
            "data.epochs or trainer.max_steps, or do not repeat it (data.allow_repeat, data.words)"
        )
    if (seen := per_epoch * epochs) > caps.exposure:
        problems.append(
            f"{seen:,.0f} words are seen, and {caps.exposure:,} are allowed: lower data.epochs or "
            "trainer.max_steps, or use less text"
        )
    if problems:
        raise InputError(f"data.track={track} is exceeded: {'; '.join(problems)}")

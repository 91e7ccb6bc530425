"""Cleaning: named rules, on or off per source, applied to lines as they are read.

A rule removes from a line what is certainly not language of its source, or drops the line; it never
adds a word. So words read = words kept + words removed by the rules, exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from amlm.text.cleaning import spoken, written
from amlm.text.cleaning.line_edits import Edit
from amlm.text.cleaning.sentences import sentences
from amlm.text.lines import normalised
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

EVERY_SOURCE = "all"  # the key of rules for every source
START_WORDS = 4
CLEANING_VERSION = 1  # part of a store's fingerprint: increment it when a rule changes


@dataclass
class Removed:
    """What one rule removed: whole lines, and words, including those of whole lines."""

    lines: int = 0
    words: int = 0


Rule: TypeAlias = Callable[[Iterable[str], Removed], Iterator[str]]


def _rule(edit: Edit) -> Rule:
    def apply(lines: Iterable[str], removed: Removed) -> Iterator[str]:
        for line in lines:
            kept = edit(line)
            if kept == line:
                yield line
                continue
            kept = normalised(kept)
            removed.words += len(line.split()) - len(kept.split())
            if kept:
                yield kept
            else:
                removed.lines += 1

    return apply


def _split(lines: Iterable[str], removed: Removed) -> Iterator[str]:
    for line in lines:
        yield from sentences(line)


def start_hash(line: str) -> int:
    """A 64-bit hash of the first four words; a set of them takes about 100 bytes per line."""
    start = " ".join(line.split(maxsplit=START_WORDS)[:START_WORDS])
    return int.from_bytes(hashlib.blake2b(start.encode(), digest_size=8).digest(), "big")


def _drop_duplicate_starts(lines: Iterable[str], removed: Removed) -> Iterator[str]:
    seen: set[int] = set()
    for line in lines:
        start = start_hash(line)
        if start in seen:
            removed.lines += 1
            removed.words += len(line.split())
        else:
            seen.add(start)
            yield line


# In the order in which they are applied: whole lines are judged before they are split.
RULES: dict[str, Rule] = {
    **{name: _rule(edit) for name, edit in {**written.LINE_RULES, **spoken.RULES}.items()},
    "sentences": _split,
    **{name: _rule(edit) for name, edit in written.SENTENCE_RULES.items()},
    "duplicate_starts": _drop_duplicate_starts,
}


def check_rules(cleaning: Mapping[str, Mapping[str, bool]]) -> None:
    """Raises InputError if a ``data.cleaning`` section names a rule that does not exist."""
    for source, rules in cleaning.items():
        for name in rules:
            if name not in RULES:
                raise InputError(
                    f"data.cleaning.{source}.{name}: there is no such rule{nearest(name, RULES)}; "
                    f"the rules are {', '.join(RULES)}"
                )


def rules_for(cleaning: Mapping[str, Mapping[str, bool]], source: str) -> list[str]:
    """The names of a source's rules, in the order in which they are applied.

    The source's own entry takes precedence over the entry ``all``.
    """
    chosen = {**cleaning.get(EVERY_SOURCE, {}), **cleaning.get(source, {})}
    return [name for name in RULES if chosen.get(name)]


def clean(lines: Iterable[str], rules: Sequence[str], removed: dict[str, Removed]) -> Iterator[str]:
    """Yields the cleaned lines of one source.

    Args:
        lines: with single spaces between words.
        rules: names of the rules, in the order to apply them.
        removed: receives the counts of each rule, complete once the last line has been yielded.
    """
    for name in rules:
        lines = RULES[name](lines, removed.setdefault(name, Removed()))
    yield from lines

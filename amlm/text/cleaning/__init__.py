"""Cleaning: named rules, on or off per source, applied to lines as they are read.

A rule takes from a line what is surely not language of its source, or drops the line; it never adds
a word. So the words read are the words kept and those that the rules removed, exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from amlm.text.cleaning import spoken, written
from amlm.text.cleaning.sentences import sentences
from amlm.text.lines import normalised
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

EVERY_SOURCE = "all"  # the key of rules for every source
START_WORDS = 4
CLEANING_VERSION = 1  # part of a store's fingerprint: raise it when a rule changes


@dataclass
class Removed:
    """What one rule removed: lines dropped altogether, and all words, those of such lines too."""

    lines: int = 0
    words: int = 0


@dataclass(frozen=True)
class Rule:
    """What a rule does, in words and to a stream of lines whose losses it counts."""

    meaning: str
    apply: Callable[[Iterable[str], Removed], Iterator[str]]


def _edit(meaning: str, edit: Callable[[str], str]) -> Rule:
    """A rule of single lines: ``edit`` says what is left of one, nothing if it is to go."""

    def apply(lines: Iterable[str], removed: Removed) -> Iterator[str]:
        for line in lines:
            left = edit(line)
            if left == line:
                yield line
                continue
            left = normalised(left)
            removed.words += len(line.split()) - len(left.split())
            if left:
                yield left
            else:
                removed.lines += 1

    return Rule(meaning, apply)


def _drop(meaning: str, bad: Callable[[str], bool]) -> Rule:
    return _edit(meaning, lambda line: "" if bad(line) else line)


def _split(lines: Iterable[str], removed: Removed) -> Iterator[str]:
    for line in lines:
        yield from sentences(line)


def start_hash(line: str) -> int:
    """64 bits that stand for a line's first four words: in a set about 100 bytes, however long."""
    start = " ".join(line.split(maxsplit=START_WORDS)[:START_WORDS])
    return int.from_bytes(hashlib.blake2b(start.encode(), digest_size=8).digest(), "big")


def _first_of_each_start(lines: Iterable[str], removed: Removed) -> Iterator[str]:
    seen: set[int] = set()
    for line in lines:
        start = start_hash(line)
        if start in seen:
            removed.lines += 1
            removed.words += len(line.split())
        else:
            seen.add(start)
            yield line


# In the order in which they are applied: what a line is, is settled before it is split.
RULES: dict[str, Rule] = {
    "unicode": _edit("characters composed (NFC), invisible ones removed", written.composed),
    # Whole lines, as in the authors' script.
    "capital_headers": _drop("lines without a small letter dropped", written.is_capital),
    "horizontal_rules": _drop("lines with a drawn rule (_________) dropped", written.has_rule),
    "title_lines": _drop("lines with = = = dropped", written.is_title),
    "bracketed_notes": _drop("lines that are one [note] dropped", written.is_note),
    "short_lines": _drop("lines of fewer than four words dropped", written.is_short),
    "table_rows": _drop("rows of tables dropped", written.is_table_row),
    # Parts of lines.
    "inline_notes": _edit("[Illustration: ...], [Footnote: ...] removed", written.without_notes),
    "note_marks": _edit("marks of notes, [12] or word[A], removed", written.without_note_marks),
    "category_links": _edit("[[Category: ...]] removed", written.without_links),
    "ornaments": _edit("* * * and ----- between paragraphs removed", written.without_ornaments),
    "emphasis": _edit("_italic_ and =bold= without their marks", written.without_emphasis),
    "empty_parentheses": _edit(
        "parentheses without what stood in them: () gone, (; born to (born",
        written.without_empty_parentheses,
    ),
    "file_names": _edit("= = = names of transcripts = = = removed", spoken.without_file_names),
    "speaker_codes": _edit("*MOT: or A: removed", spoken.without_speaker_codes),
    "tiers": _edit("%add: ... and %int: ... removed", spoken.without_tiers),
    "annotations": _edit("[laughs] and other annotations removed", spoken.without_annotations),
    "unintelligible": _drop("lines with xxx, yyy or www dropped", spoken.is_unheard),
    "transcriber_comments": _edit("*comments at the end removed", spoken.without_comments),
    "credits": _drop("who made the subtitles, episode numbers: lines dropped", spoken.is_credit),
    "formatting": _edit("<i> and {\\pos(192,220)} removed", spoken.without_formatting),
    "sound_notes": _edit("[GUNSHOT], (sighs) removed", spoken.without_sound_notes),
    "music_marks": _edit("♪ and free-standing # and * removed", spoken.without_music_marks),
    "dialogue_dashes": _edit("dashes where another one speaks removed", spoken.without_dashes),
    "speaker_names": _edit("DOCTOR: removed", spoken.without_speaker_names),
    "spaced_marks": _edit(
        "spaces before . and , closed up, second ones removed", spoken.with_marks_closed_up
    ),
    # Sentences.
    "sentences": Rule("lines split into sentences", _split),
    "undecodable": _drop("lines with characters lost in conversion dropped", written.is_broken),
    "placeholders": _drop("lines with formula_1 or codice_1 dropped", written.has_placeholder),
    "web_addresses": _drop("lines with a web address dropped", written.has_address),
    "boilerplate": _drop("notices of Project Gutenberg dropped", written.is_boilerplate),
    "entities": _edit("&amp; made &, lines with other entities dropped", written.without_entities),
    "duplicate_starts": Rule(
        "lines dropped whose first four words began an earlier one", _first_of_each_start
    ),
}


def check_rules(cleaning: Mapping[str, Mapping[str, bool]]) -> None:
    """Checks the names of rules in a ``data.cleaning`` section.

    Raises:
        InputError: a rule that does not exist.
    """
    for source, rules in cleaning.items():
        for name in rules:
            if name not in RULES:
                raise InputError(
                    f"data.cleaning.{source}.{name}: there is no such rule{nearest(name, RULES)}; "
                    f"there are {', '.join(RULES)}"
                )


def rules_for(cleaning: Mapping[str, Mapping[str, bool]], source: str) -> list[str]:
    """The names of the rules that are on for a source, in the order in which they are applied.

    A rule is on or off as the source's own entry says, or else the entry ``all``.
    """
    chosen = {**cleaning.get(EVERY_SOURCE, {}), **cleaning.get(source, {})}
    return [name for name in RULES if chosen.get(name)]


def clean(lines: Iterable[str], rules: Sequence[str], removed: dict[str, Removed]) -> Iterator[str]:
    """Yields the lines of one source that the rules leave, as they are left.

    Args:
        lines: with single spaces between words.
        rules: their names, in the order to apply them.
        removed: is filled, rule by rule, and complete when the last line has been taken.
    """
    for name in rules:
        lines = RULES[name].apply(lines, removed.setdefault(name, Removed()))
    yield from lines

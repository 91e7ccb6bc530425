"""What most rules are made of: edits, functions from a line to what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Edit: TypeAlias = Callable[[str], str]  # an empty result drops the line
Replacement: TypeAlias = str | Callable[[re.Match[str]], str]

MARKS = ".,?!;:"
FIRST_MARK = re.compile(r"^\s*[.,?!;:]+\s")
# Sometimes two utterances share a line, so that a code is within it.
SPEAKER_CODE = re.compile(r"(?<!\S)\*[A-Z][A-Z0-9]{0,5}:|^[AB]:(?!\S)")


def only_with(hints: tuple[str, ...], edit: Edit) -> Edit:
    """Applies an edit only to lines with one of the hints: a quick test before a slow pattern."""

    def apply(line: str) -> str:
        for hint in hints:
            if hint in line:
                return edit(line)
        return line

    return apply if hints else edit


def drop_if(condition: Callable[[str], object]) -> Edit:
    """Drops lines for which the condition holds."""
    return lambda line: "" if condition(line) else line


def drop(pattern: str, *hints: str) -> Edit:
    """Drops lines in which the pattern is found."""
    return only_with(hints, drop_if(re.compile(pattern).search))


def replace(pattern: str, replacement: Replacement, *hints: str) -> Edit:
    """Replaces every match of the pattern."""
    compiled = re.compile(pattern)
    return only_with(hints, lambda line: compiled.sub(replacement, line))


def remove(pattern: str, *hints: str) -> Edit:
    """Removes every match of the pattern."""
    return replace(pattern, "", *hints)


def cut(pattern: str, *hints: str) -> Edit:
    """Removes every match and the marks that it leaves behind; drops a line without other words.

    ``ah [sighs], yes`` becomes ``ah, yes``. Words are neither joined nor split. A speaker code is
    not a word.
    """
    compiled = re.compile(pattern)

    def edit(line: str) -> str:
        kept = compiled.sub(_gap, line)
        if kept == line:
            return line
        while (inner := compiled.sub(_gap, kept)) != kept:  # nested brackets
            kept = inner
        if line[0] not in MARKS:
            kept = FIRST_MARK.sub("", kept)
        return kept if any(map(str.isalnum, SPEAKER_CODE.sub("", kept))) else ""

    return only_with(hints, edit)


def _gap(match: re.Match[str]) -> str:
    """Replaces a cut: a space if the match had one, unless a punctuation mark follows."""
    next_character = match.string[match.end() : match.end() + 1]
    return " " if " " in match[0] and next_character not in MARKS else ""


def in_turn(*edits: Edit) -> Edit:
    """Applies several edits, one after the other."""

    def apply(line: str) -> str:
        for edit in edits:
            line = edit(line)
        return line

    return apply

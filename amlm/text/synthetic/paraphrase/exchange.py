"""Replaces a word by a listed synonym or antonym where it certainly has that meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from amlm.sample.morphology import article
from amlm.text.synthetic.paraphrase.edits import (
    AUXILIARIES,
    DETERMINERS,
    Edit,
    word_after,
    word_before,
    words_of,
)
from amlm.util.errors import InputError

Exchange: TypeAlias = Mapping[str, Sequence[str]]


def _both_ways(pairs: str) -> Exchange:
    found: dict[str, list[str]] = {}
    for pair in pairs.split():
        left, right = pair.split("/")
        found.setdefault(left, []).append(right)
        found.setdefault(right, []).append(left)
    return found


# Few, because most words have several meanings; chosen by reading their effect on real text.
SYNONYMS = _both_ways("mother/mom father/dad grandmother/grandma grandfather/grandpa sofa/couch")
ANTONYMS = _both_ways(
    "big/small large/small huge/tiny hot/cold happy/sad long/short clean/dirty interesting/boring "
    "expensive/cheap beautiful/ugly difficult/easy quiet/noisy"
)
# Words that do not belong to the phrase of the word before them.
AFTER_PHRASES = AUXILIARIES | DETERMINERS | words_of(
    "in on at with from into for to by of and or but so because if when while as than who now too "
    "here there again"
)  # fmt: skip
BE = words_of("am is are was were be been")
DEGREE = words_of("very so too really quite")
# Nouns that form an idiom with the adjective: a long time, a big deal.
FIXED = words_of(
    "deal boy boys girl girls guy guys part question bit while time times ago one ones year years "
    "way term run day days mistake help cut haul suit breath breaths money break name"
)


def read_exchange(path: Path) -> Exchange:
    """Reads replacements: lines of ``word<TAB>other``, or JSON ``{"word": ["other", ...]}``.

    Each works in one direction only.

    Raises:
        InputError: a malformed line or entry, or an empty list.
    """
    expected = f'{path}: expected lines of word, tab, word, or JSON {{"word": ["other"]}}'
    if not path.is_file():
        raise InputError(f"{path} is not a file: give a list with lines of word, tab, word")
    try:
        text = path.read_text(encoding="utf-8-sig")
        given = json.loads(text) if path.suffix == ".json" else _rows(text)
    except ValueError as error:
        raise InputError(f"{expected} ({error})") from error
    if not isinstance(given, dict) or not given:
        raise InputError(expected)
    found: dict[str, list[str]] = {}
    for word, others in given.items():
        listed = [others] if isinstance(others, str) else others
        if not isinstance(listed, list) or not listed:
            raise InputError(f"{expected}; {word!r} has {others!r}")
        for other in (word, *listed):
            if not isinstance(other, str) or not re.fullmatch(
                r"[^\W\d_]+(?:[ '-][^\W\d_]+)*", other
            ):
                raise InputError(f"{expected}; {other!r} is not a word")
        found[word.lower()] = listed
    return found


def _rows(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"line {number}: {line!r}")
        found.setdefault(parts[0], []).append(parts[1])
    return found


def exchange_edits(sentence: str, exchange: Exchange) -> Iterator[Edit]:
    """Replaces one word of the list, and corrects a preceding a or an."""
    words = set(re.findall(r"[^\W\d_]+", sentence.lower()))
    for found in re.finditer(r"(?<![\w'’-])[^\W\d_]+(?:['’-][^\W\d_]+)*(?![\w'’-])", sentence):
        start, end = found.span()
        word = found[0].lower()
        others = exchange.get(word, ())
        name = start and found[0] != word
        # Not "big and large".
        if name or words & {other.lower() for other in others} or not _fits(sentence, start, end):
            continue
        for other in others:
            if before := re.search(r"\b([Aa])n? $", sentence[:start]):
                text = f"{before[1]}{article(other.lower())[1:]} {other}"
                yield Edit(before.start(), end, text)
            else:
                yield Edit(start, end, other)


def _fits(sentence: str, start: int, end: int) -> bool:
    """Whether a word of the built-in lists certainly has its meaning; other words always fit."""
    word, before = sentence[start:end].lower(), word_before(sentence, start)
    after, ended = word_after(sentence, end), bool(re.match("[.!?,]", sentence[end:]))
    if word in SYNONYMS:  # nouns
        return before in DETERMINERS and (ended or after in AFTER_PHRASES)
    if word not in ANTONYMS:  # adjectives
        return True
    if before in DETERMINERS:
        return after not in {"", *AFTER_PHRASES, *FIXED} and sentence[end + 1].islower()
    if before in DEGREE:
        before = word_before(sentence, sentence[: start - 1].rfind(" ") + 1)
    predicative = before in BE or re.search("['’](?:s|re|m)$", before)
    return bool(predicative) and ended and word != "long"  # "It won't be long."

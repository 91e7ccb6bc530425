"""Synonyms and antonyms: one word for another by a list, in places where it is surely that word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from amlm.sample import lexicon
from amlm.sample.morphology import article
from amlm.sample.words import NOUN, VERB, Dice
from amlm.text.synthetic.paraphrase.frames import fits
from amlm.text.synthetic.paraphrase.sentences import Edit, one_of, words_of
from amlm.util.errors import InputError

Exchange: TypeAlias = Mapping[str, Sequence[str]]

# In the sample world these have one meaning; in other text most often another one.
SEVERAL_MEANINGS = words_of(
    "like little close kind light start begin rock ship store road good bad mad new cool full tall"
)


def default(pairs: str) -> Exchange:
    """The exchanges of one of the grammar's tables, both ways, in every form both words have."""
    found: dict[str, list[str]] = {}
    for pair in pairs.split():
        left, _, right = pair.partition("/")
        if {left, right} & SEVERAL_MEANINGS:
            continue
        forms = [(left, right)]
        if left in NOUN and right in NOUN:
            forms.append((NOUN[left].plural, NOUN[right].plural))
        if left in VERB and right in VERB:
            one, other = VERB[left], VERB[right]
            forms += [(one.third, other.third), (one.past, other.past), (one.ing, other.ing)]
        for word, partner in [*forms, *((other, one) for one, other in forms)]:
            found.setdefault(word, []).append(partner)
    return found


SYNONYMS, ANTONYMS = default(lexicon.SYNONYMS), default(lexicon.ANTONYMS)


def read_exchange(path: Path) -> Exchange:
    """A list of exchanges: lines of ``word<TAB>other``, or JSON ``{"word": ["other", ...]}``.

    They go one way; give the other way as well where it holds.

    Raises:
        InputError: a line or an entry of another form, or an empty list.
    """
    wanted = f'{path}: expected a word, a tab and a word to a line, or JSON {{"word": ["other"]}}'
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a list of words, a word, a tab and a word")
    try:
        text = path.read_text(encoding="utf-8-sig")
        given = json.loads(text) if path.suffix == ".json" else _rows(text)
    except ValueError as error:
        raise InputError(f"{wanted} ({error})") from error
    if not isinstance(given, dict) or not given:
        raise InputError(wanted)
    found: dict[str, list[str]] = {}
    for word, others in given.items():
        listed = [others] if isinstance(others, str) else others
        if not isinstance(listed, list) or not listed:
            raise InputError(f"{wanted}; {word!r} has {others!r}")
        for other in (word, *listed):
            if not isinstance(other, str) or not re.fullmatch(
                r"[^\W\d_]+(?:[ '-][^\W\d_]+)*", other
            ):
                raise InputError(f"{wanted}; {other!r} is not a word")
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


def exchanged(dice: Dice, sentence: str, exchange: Exchange) -> str | None:
    """The sentence with one word of the list exchanged, a or an before it put right."""
    return one_of(dice, sentence, list(_edits(sentence, exchange)))


def _edits(sentence: str, exchange: Exchange) -> Iterator[Edit]:
    said = set(re.findall(r"[^\W\d_]+", sentence.lower()))
    for found in re.finditer(r"(?<![\w'’-])[^\W\d_]+(?:['’-][^\W\d_]+)*(?![\w'’-])", sentence):
        start, end = found.span()
        word = found[0].lower()
        if start and found[0] != word:  # a name
            continue
        for other in exchange.get(word, ()):
            # Not "big and large".
            if other.lower() not in said and fits(sentence, start, end, other):
                yield _with_article(sentence, Edit(start, end, other))


def _with_article(sentence: str, edit: Edit) -> Edit:
    """The edit, with the article before it where there is one."""
    found = re.search(r"\b([Aa])n? $", sentence[: edit.start])
    if not found:
        return edit
    text = f"{found[1]}{article(edit.text.lower())[1:]} {edit.text}"
    return Edit(found.start(), edit.end, text)

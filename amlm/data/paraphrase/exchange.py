"""Synonyms and antonyms: one word for another by a list, in places where it is surely that word.

A word that the grammar knows is exchanged only in the frame of its class: an adjective between a
determiner and a noun or after a form of `be`, a noun at the end of its phrase, a verb with an
object. Words it does not know are exchanged wherever they stand: the list answers for those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from amlm.data.grammar import lexicon
from amlm.data.grammar.morphology import article
from amlm.data.grammar.words import NOUN, NOUNS, VERB, VERBS, Dice
from amlm.data.paraphrase.sentences import (
    ADVERBS,
    AUXILIARIES,
    CLOSED,
    CONJUNCTIONS,
    DETERMINERS,
    PREPOSITIONS,
    SUBJECTS,
    Edit,
    after,
    before,
    edited,
    words_of,
)
from amlm.errors import InputError

Exchange: TypeAlias = Mapping[str, Sequence[str]]

# In the sample world these have one meaning; in other text most often another one.
SEVERAL_MEANINGS = words_of(
    "like little kind light start begin rock ship store road good bad mad new cool full tall"
)
KNOWN = frozenset(word for _, _, words in lexicon.ADJECTIVES for word in words.split())
ADJECTIVES = KNOWN | {
    partner
    for table in (lexicon.SYNONYMS, lexicon.ANTONYMS)
    for word, partner in lexicon.both_ways(table).items()
    if word in KNOWN
}
NOUN_FORMS = {
    form for noun in NOUNS for form in (noun.lemma, noun.plural) if "name" not in noun.tags
}
VERB_FORMS = {form for v in VERBS for form in (v.base, v.third, v.past, v.ing)}
BE = words_of("am is are was were be been")
DEGREE = words_of("very so too really quite")
# "a long time", "an old lady": fixed in their own ways.
FIXED = words_of(
    "deal boy girl guy part question bit while time times ago ones one york year years way term run day days boss mistake help"
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
        # "shut" is close or closed.
        for verb in (VERB[word] for word in (left, right) if word in VERB):
            if verb.base == verb.past:
                del found[verb.base]
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
    places = list(_places(sentence, exchange))
    if not places:
        return None
    start, end, word = dice.one(places)
    other = dice.one(exchange[word])
    article_before = re.search(r"\b([Aa])n? $", sentence[:start])
    if article_before:
        start = article_before.start()
        a = "A" if article_before[1] == "A" else "a"
        other = f"{a}{article(other.lower())[1:]} {other}"
    return edited(sentence, Edit(start, end, other))


def _places(sentence: str, exchange: Exchange) -> Iterator[tuple[int, int, str]]:
    for found in re.finditer(r"(?<![\w'’-])[^\W\d_]+(?:['’-][^\W\d_]+)*(?![\w'’-])", sentence):
        start, end = found.span()
        word = found[0].lower()
        others = exchange.get(word, ())
        small = found[0] == word or start == 0
        if others and small and not _said(sentence, others) and _fits(sentence, start, end, word):
            yield start, end, word


def _said(sentence: str, others: Sequence[str]) -> bool:
    """Whether a word that could come in is there already: "big and large"."""
    said = set(re.findall(r"[^\W\d_]+", sentence.lower()))
    return any(other.lower() in said for other in others)


def _fits(sentence: str, start: int, end: int, word: str) -> bool:
    """Whether a known word stands in a frame of its class; an unknown one always fits."""
    classes = [
        (ADJECTIVES, _is_adjective),
        (NOUN_FORMS, _is_noun),
        (VERB_FORMS, _is_verb),
    ]
    asked = [frame for words, frame in classes if word in words]
    first, follow = before(sentence, start), after(sentence, end)
    return not asked or any(frame(first, follow, sentence, start, end) for frame in asked)


def _is_adjective(first: str, follow: str, sentence: str, start: int, end: int) -> bool:
    ended = bool(re.match("[.!?,]", sentence[end:])) or follow in {"and", "but"}
    noun = bool(follow) and follow not in CLOSED | FIXED and sentence[end + 1].islower()
    return (first in DETERMINERS and noun) or (first in BE | DEGREE and ended)


def _is_noun(first: str, follow: str, sentence: str, start: int, end: int) -> bool:
    closing = PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | ADVERBS
    ended = bool(re.match("[.!?,]", sentence[end:])) or follow in closing
    return ended and (first in DETERMINERS or first in ADJECTIVES)


def _is_verb(first: str, follow: str, sentence: str, start: int, end: int) -> bool:
    return first in SUBJECTS | AUXILIARIES | {"to"} and follow in DETERMINERS

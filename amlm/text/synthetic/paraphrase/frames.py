"""Places where a word that the grammar knows surely belongs to the class it has there.

An adjective between a determiner and a noun or after a form of `be`, a noun at the end of its
phrase, a verb with an object. Words that the grammar does not know fit everywhere.
"""

from __future__ import annotations

import re

from amlm.sample import lexicon
from amlm.sample.words import NOUNS, VERBS
from amlm.text.synthetic.paraphrase.sentences import (
    ADVERBS,
    AUXILIARIES,
    CLOSED,
    CONJUNCTIONS,
    DETERMINERS,
    PREPOSITIONS,
    SUBJECTS,
    after,
    before,
    words_of,
)

KNOWN = frozenset(word for _, _, words in lexicon.ADJECTIVES for word in words.split())
ADJECTIVES = KNOWN | {
    partner
    for table in (lexicon.SYNONYMS, lexicon.ANTONYMS)
    for word, partner in lexicon.both_ways(table).items()
    if word in KNOWN
}
# Said of the living alone: an old house is not the opposite of a young one.
OF_THE_LIVING = KNOWN - {
    word
    for _, tags, words in lexicon.ADJECTIVES
    if not words_of(tags) <= {"human", "animate", "animal"}
    for word in words.split()
}
COMMON = [noun for noun in NOUNS if "name" not in noun.tags]
NOUN_FORMS = {form for noun in COMMON for form in (noun.lemma, noun.plural)}
LIVING = {form for n in COMMON if "animate" in n.tags for form in (n.lemma, n.plural)}
VERB_FORMS = {form for v in VERBS for form in (v.base, v.third, v.past, v.ing)}
BE = words_of("am is are was were be been")
DEGREE = words_of("very so too really quite")
# Nouns that make a turn of their own with the adjective: a long time, a big deal.
FIXED = words_of(
    "deal boy boys girl girls guy guys part question bit while time times ago ones one york year "
    "years way term run day days boss mistake help cut haul suit"
)
BEFORE_VERBS = {word.lower() for word in SUBJECTS} | AUXILIARIES | {"to"}
AFTER_NOUNS = PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | ADVERBS


def fits(sentence: str, start: int, end: int, other: str) -> bool:
    """Whether the word at a place is there what it is in the lexicon, and `other` can be too."""
    word = sentence[start:end].lower()
    first, follow = before(sentence, start), after(sentence, end)
    ended = bool(re.match("[.!?,]", sentence[end:]))
    classes = []
    if word in ADJECTIVES:
        noun = bool(follow) and follow not in CLOSED | FIXED and sentence[end + 1].islower()
        if other in OF_THE_LIVING and word not in OF_THE_LIVING:
            noun = follow in LIVING
        # "It won't be long": not the opposite of short.
        closing = (ended or follow in ("and", "but")) and word not in ("long", "short")
        classes.append((first in DETERMINERS and noun) or (_is_said(sentence, start) and closing))
    if word in NOUN_FORMS:
        placed = first in DETERMINERS or first in ADJECTIVES
        classes.append(placed and (ended or follow in AFTER_NOUNS))
    if word in VERB_FORMS:
        classes.append(first in BEFORE_VERBS and follow in DETERMINERS)
    return not classes or any(classes)


def _is_said(sentence: str, start: int) -> bool:
    """Whether a form of `be`, and perhaps "very", stands before a place."""
    words = sentence[:start].lower().split()
    if words and words[-1] in DEGREE:
        words.pop()
    return bool(words) and bool(words[-1] in BE or re.search("['’](?:s|re|m)$", words[-1]))

"""The order of clauses: "Because it rained, we left." and "We left because it rained."

The pronouns of the main clause must have theirs in the other one, or the move would change whom
they mean: not "When John came, he ate." to "He ate when John came."
"""

from __future__ import annotations

import re

from amlm.sample.words import Dice
from amlm.text.synthetic.paraphrase.sentences import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    NAMES,
    QUESTION_WORDS,
    SUBJECTS,
    before,
    capital,
    either,
    small,
    words_of,
)
from amlm.text.synthetic.paraphrase.verbs import BASE, PAST, THIRD

WORDS = ["because", "although", "when", "if", "before", "after", "while", "unless", "until"]
STARTS = (SUBJECTS | DETERMINERS | NAMES | {"there"}) - {"no"}
NESTED = frozenset(WORDS) | {"and", "but"}
FRONTED = re.compile(rf"({either(WORDS)}) ([^,;]+), ([^,;]+)([.!?])", re.I)
TRAILING = re.compile(rf"([^,;?]+?) ({either(WORDS)}) ([^,;?]+)([.!])")
FINITE = AUXILIARIES | frozenset([*PAST, *THIRD, *BASE])
FAMILIES = [
    words_of("he him his himself"),
    words_of("she her hers herself"),
    words_of("it its itself"),
    words_of("they them their theirs themselves"),
]
# Before these the clause is asked for or told about ("see if", "the day when"), or stressed.
BOUND = words_of(
    "be out see ask asked know knew wonder wondered tell told remember remembered say said sure as "
    "even only just not what like is was it's that's time day moment year days times minutes hours "
    "weeks months and or but if long soon shortly right ever except especially of about for than"
)
# A main clause with one of these has another clause inside, which would be the nearer one.
INNER = (
    QUESTION_WORDS
    | CONJUNCTIONS - {"so"}
    | words_of(
        "said say says think thought thinks know knew knows believe believed hope hoped guess tell "
        "told wonder wondering wondered sure glad afraid surprised bet wish right about"
    )
)


def _families(text: str) -> set[int]:
    said = set(re.findall(r"[a-z]+", text.lower()))
    return {place for place, family in enumerate(FAMILIES) if family & said}


def _begins(clause: str, starts: frozenset[str] = STARTS) -> bool:
    first = re.split(r"[ '’]", clause, maxsplit=1)[0]
    return bool({first, first.lower()} & starts)


def order(_: Dice, sentence: str) -> str | None:
    """The adverbial clause moved to the other end.

    >>> order(Dice(0), "If you like it, we can go."), order(Dice(0), "We left because it rained.")
    ('We can go if you like it.', 'Because it rained, we left.')
    """
    if found := FRONTED.fullmatch(sentence):
        word, inner, main, mark = found.groups()
        if not (_begins(inner) and _moves(inner, main)):
            return None
        return f"{capital(main)} {word.lower()} {inner}{mark}"
    if found := TRAILING.fullmatch(sentence):
        main, word, inner, mark = found.groups()
        bound = before(sentence, found.start(2)) in BOUND or word == "until"
        # What is negated, "not ... because", may be the reason.
        negated = re.search("n['’]t|\\b(?:not|never)\\b", main)
        # A phrase ("after the war") may be meant with its noun; a pronoun begins a clause.
        clause = _begins(inner, SUBJECTS) and " " in inner and NESTED.isdisjoint(inner.split())
        if bound or negated or not clause or not _moves(inner, main):
            return None
        lowered = small(main)
        return lowered and f"{capital(word)} {inner}, {lowered}{mark}"
    return None


def _moves(inner: str, main: str) -> bool:
    """Whether the main clause is a simple one whose pronouns have theirs in the other one."""
    words = re.findall("[a-z]+", main.lower())
    by_pronoun = _begins(main, SUBJECTS)
    has_verb = by_pronoun or not FINITE.isdisjoint(words)
    simple = len(words) > 2 - by_pronoun and _begins(main) and INNER.isdisjoint(words)
    return simple and has_verb and _families(main) <= _families(inner)

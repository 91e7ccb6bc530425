"""Simple transitive clauses, recognised for sure, as structures of the grammar.

A sentence that is nothing but subject, known verb, object and perhaps one prepositional phrase, or
the passive of one, becomes a `Clause`; the grammar knows agreement, cases and the verb's forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from amlm.sample.structures import ACTIVE, NP, PASSIVE, SINGULAR, Clause
from amlm.sample.syntax import MODALS, OBJECT, SUBJECT, inflect, say, statement
from amlm.sample.words import BE, Dice
from amlm.text.synthetic.paraphrase.noun_phrases import ANIMATE, noun_phrases
from amlm.text.synthetic.paraphrase.sentences import (
    AUXILIARIES,
    CONJUNCTIONS,
    NEGATIVES,
    OBJECTS,
    OWNERS,
    QUESTION_WORDS,
    REFLEXIVES,
    SUBJECTS,
    small,
    words_of,
)
from amlm.text.synthetic.paraphrase.verbs import TRANSITIVE, by_form

MUTUAL = words_of("marry meet fight")  # the same the other way round
PAST, BASE, THIRD, PARTICIPLE = (
    by_form(TRANSITIVE, form) for form in ("past", "base", "third", "participle")
)
LINKS = words_of("in on at with from into through near during after before under behind across to")
# What a prepositional phrase at the end must not hold: another clause, or a self.
ENDED = (
    CONJUNCTIONS | QUESTION_WORDS | REFLEXIVES | SUBJECTS - {"it", "you"} | NEGATIVES | AUXILIARIES
)
LONGEST_TAIL = 8
TENSES = {"was": "past", "were": "past", "is": "present", "are": "present", "am": "present"}


def recognised(sentence: str) -> Clause | None:
    """The sentence as a clause; its mark and whatever follows the object are kept apart."""
    lowered = small(sentence[:-1]) if sentence[-1] in ".!" else None
    if lowered is None or re.search("[^A-Za-z0-9 -]", lowered):
        return None
    words = lowered.split()
    for subject, place in noun_phrases(words, 0, SUBJECT):
        found = next(_passive(words, place, subject), None) or next(
            _active(words, place, subject), None
        )
        if found and found.obj and not _alike(found.subject, found.obj):
            return found
    return None


def _alike(subject: NP, obj: NP) -> bool:
    """Whether both are the same pronoun: "he saw him" is the same the other way round."""
    return subject.said == obj.said == "pronoun" and subject.agreement == obj.agreement


def _active(words: Sequence[str], place: int, subject: NP) -> Iterator[Clause]:
    modal = words[place] if place < len(words) and words[place] in MODALS else ""
    place += bool(modal)
    if place >= len(words):
        return
    word, person, number = words[place], *subject.agreement[:2]
    third = person == 3 and number == SINGULAR
    verb, tense = PAST.get(word), "past"
    if modal:
        verb, tense = BASE.get(word), modal
    elif third and word in THIRD:
        verb, tense = THIRD[word], "present"
    elif not third and subject.said == "pronoun" and word in BASE and word not in PAST:
        verb, tense = BASE[word], "present"
    if verb is None:
        return
    for obj, end in noun_phrases(words, place + 1, OBJECT):
        # "her" may be an owner.
        owner = words[place + 1] == "her" and obj.said == "pronoun" and end < len(words)
        if _ends(words, end) and not owner:
            yield Clause(subject, verb, obj, _tail(words, end), tense)


def _passive(words: Sequence[str], place: int, obj: NP) -> Iterator[Clause]:
    if len(words) < place + 4 or words[place + 2] != "by":
        return
    verb, tense = PARTICIPLE.get(words[place + 1]), TENSES.get(words[place])
    if verb is None or tense is None or inflect(BE, tense, obj.agreement) != words[place]:
        return
    for agent, end in noun_phrases(words, place + 3, OBJECT):
        # "by the river" and "by Paris" are where, not who.
        name = agent.noun.lemma
        doer = ANIMATE in agent.noun.tags or (" " in name and name[0].isupper())
        if doer and _ends(words, end):
            yield Clause(agent, verb, obj, _tail(words, end), tense, voice=PASSIVE)


def _tail(words: Sequence[str], end: int) -> tuple[str, ...]:
    return (" ".join(words[end:]),) if end < len(words) else ()


def _ends(words: Sequence[str], end: int) -> bool:
    """Whether what is left is nothing or one phrase that may stand last."""
    rest = words[end:]
    if not rest:
        return True
    # A preposition as the last word, or "to" with a verb, belongs to the verb before.
    return 2 <= len(rest) <= LONGEST_TAIL and rest[0] in LINKS and not set(rest) & ENDED


def _passivable(clause: Clause) -> bool:
    obj, verb = clause.obj, clause.verb
    assert obj, "recognised clauses have objects"
    owned = obj.noun.lemma.split()[0] in ("his", "her", "its", "their", "my", "our", "your")
    impersonal = clause.subject.noun.lemma in ("it", "you")
    able = verb.base not in MUTUAL and not set("^=") & set(verb.marks)
    return able and not (owned or impersonal)


def passive(_: Dice, sentence: str) -> str | None:
    """The passive of an active clause, and the active of a passive one.

    >>> passive(Dice(0), "The dog chased him into the house.")
    'He was chased by the dog into the house.'
    """
    clause = recognised(sentence)
    if clause is None or not _passivable(clause):
        return None
    other = PASSIVE if clause.voice == ACTIVE else ACTIVE
    return say(statement(replace(clause, voice=other)), sentence[-1])


def roles(_: Dice, sentence: str) -> str | None:
    """Who did it and to whom it was done, exchanged.

    >>> roles(Dice(0), "She loves the old king.")
    'The old king loves her.'
    """
    clause = recognised(sentence)
    if clause is None or clause.verb.base in MUTUAL:
        return None
    subject, obj = clause.subject, clause.obj
    assert obj, "recognised clauses have objects"
    named = clause.verb.base in BETWEEN_NAMES
    able = all(
        ANIMATE in np.noun.tags or (named and np.noun.lemma[0].isupper()) for np in (subject, obj)
    )
    if not able or set(" ".join(map(str, clause.companions)).split()) & (OBJECTS | OWNERS):
        return None
    return say(statement(replace(clause, subject=obj, obj=subject)), sentence[-1])


# Deeds among people and peoples: two unknown names around them can change places.
BETWEEN_NAMES = words_of(
    "attack defeat defend kill help love hate visit follow invade arrest murder rescue save blame "
    "invite call support replace capture conquer hire shoot teach thank know see hear watch"
)

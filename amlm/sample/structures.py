"""Phrases and clauses as data.

A `Clause` keeps its logical subject and object whatever its form, so that a passive, a negation,
a question or a swap of roles is one `replace`; `syntax` works out agreement, do-support,
contractions and pronouns when the clause is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from amlm.sample.words import BE, Noun, Verb

SINGULAR, PLURAL = "singular", "plural"
OTHER_NUMBER = {SINGULAR: PLURAL, PLURAL: SINGULAR}
ACTIVE, PASSIVE, SHORT_PASSIVE = "active", "passive", "short passive"  # short: no agent is said
# (person, number, gender) of the phrase that decides about a form.
Agreement: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class NP:
    """A noun phrase, said in full, as a `pronoun` or as a `reflexive`."""

    noun: Noun
    number: str = SINGULAR
    determiner: str = "the"  # "a" stands for a and an, "" for none
    adjectives: tuple[str, ...] = ()
    owner: NP | None = None  # in the determiner's place
    after: tuple[PP | Embedded, ...] = ()
    joined: NP | None = None  # "... and ..."
    gender: str = ""  # where the noun leaves it open
    person: int = 3
    said: str = "full"

    @property
    def agreement(self) -> Agreement:
        number = PLURAL if self.joined else self.number
        no_gender = number == PLURAL or self.person < 3
        return self.person, number, "" if no_gender else self.gender or self.noun.gender


@dataclass(frozen=True, slots=True)
class PP:
    preposition: str
    np: NP


@dataclass(frozen=True, slots=True)
class Embedded:
    """A clause inside a phrase; `gap` (subject, object or none) is what its word stands for."""

    word: str  # who, that, because, ... or ""
    clause: Clause
    gap: str = ""


Phrase: TypeAlias = NP | PP | Embedded | str


@dataclass(frozen=True, slots=True)
class Clause:
    subject: NP
    verb: Verb
    obj: NP | None = None
    companions: tuple[Phrase, ...] = ()
    tense: str = "past"  # past, present, base, a modal, "to" (infinitive) or "ing"
    perfect: bool = False
    progressive: bool = False
    voice: str = ACTIVE
    negated: bool = False
    contracted: bool = False
    recipient_first: bool = False  # the first companion, "to ...", before the object
    adverb: str = ""  # beside the verb: often, never, ever
    when: str | PP | Embedded = ""  # a time, a place, or an adverbial clause
    fronted: bool = False  # `when` comes first
    agreement: Agreement | None = None  # not the subject's: "there is", errors made on purpose


def pronoun(np: NP) -> NP:
    """The same referent, said as a pronoun."""
    return replace(np, said="pronoun", joined=None, number=np.agreement[1])


def reflexive(np: NP) -> NP:
    """The same referent as the object of its own clause."""
    return replace(pronoun(np), said="reflexive")


def being(subject: NP, *complement: Phrase, tense: str = "past") -> Clause:
    """The subject is so."""
    return Clause(subject, BE, companions=complement, tense=tense)


def surface_subject(clause: Clause) -> NP:
    """What stands before the verb."""
    if clause.voice == ACTIVE:
        return clause.subject
    assert clause.obj, "a passive needs an object"
    return clause.obj


def agreement(clause: Clause) -> Agreement:
    """What the first verb agrees with."""
    return clause.agreement or surface_subject(clause).agreement

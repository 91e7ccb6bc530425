"""Phrases and clauses as data.

A `Clause` stores its logical subject and object independently of its form, so that a passive, a
negation, a question or a swap of roles is a single `replace`. `syntax` adds agreement, do-support,
contractions and pronouns when the clause is realised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from amlm.sample.words import BE, Noun, Verb

SINGULAR, PLURAL = "singular", "plural"
OTHER_NUMBER = {SINGULAR: PLURAL, PLURAL: SINGULAR}
ACTIVE, PASSIVE, SHORT_PASSIVE = "active", "passive", "short passive"  # short: without the agent
# (person, number, gender) of the phrase that determines a form.
Agreement: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class NP:
    """A noun phrase, realised in full, as a `pronoun` or as a `reflexive`."""

    noun: Noun
    number: str = SINGULAR
    determiner: str = "the"  # "a" means a or an, "" none
    adjectives: tuple[str, ...] = ()
    owner: NP | None = None  # replaces the determiner
    after: tuple[PP | Embedded, ...] = ()
    joined: NP | None = None  # "... and ..."
    gender: str = ""  # if the noun does not determine it
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
    """A clause inside a phrase; `gap` (subject, object or none) is the role of its word."""

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
    recipient_first: bool = False  # the first companion, "to ...", precedes the object
    adverb: str = ""  # next to the verb: often, never, ever
    when: str | PP | Embedded = ""  # a time, a place, or an adverbial clause
    fronted: bool = False  # `when` comes first
    agreement: Agreement | None = None  # overrides the subject's: "there is", deliberate errors


def pronoun(np: NP) -> NP:
    """The same referent as a pronoun."""
    return replace(np, said="pronoun", joined=None, number=np.agreement[1])


def reflexive(np: NP) -> NP:
    """The same referent as a reflexive object."""
    return replace(pronoun(np), said="reflexive")


def being(subject: NP, *complement: Phrase, tense: str = "past") -> Clause:
    """A copular clause: the subject has the quality."""
    return Clause(subject, BE, companions=complement, tense=tense)


def surface_subject(clause: Clause) -> NP:
    """The phrase before the verb."""
    if clause.voice == ACTIVE:
        return clause.subject
    assert clause.obj, "a passive needs an object"
    return clause.obj


def agreement(clause: Clause) -> Agreement:
    """The features that the first verb agrees with."""
    return clause.agreement or surface_subject(clause).agreement

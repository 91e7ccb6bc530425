"""Minimal pairs for agreement of verbs, determiners and anaphors."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from amlm.sample.clauses import DOING, DONE, GOING_ON, HUMAN, NOW, THEN, core
from amlm.sample.phrases import described, somebody, thing
from amlm.sample.structures import (
    NP,
    OTHER_NUMBER,
    PLURAL,
    PP,
    SINGULAR,
    Clause,
    Embedded,
    reflexive,
)
from amlm.sample.syntax import sentence
from amlm.sample.words import Dice, Noun, Pool, nouns, verbs

Pair: TypeAlias = tuple[str, str]  # the good sentence and the bad one
TRANSITIVE = Pool(
    [v for v in DOING.items if not v.particle and "drink" not in v.objects], flat=12.0
)
REFLEXIVE = Pool([v for v in DOING.items if "~" in v.marks], flat=4.0)


# --- building blocks ----------------------------------------------------------------------------


def either(dice: Dice) -> str:
    return dice.one((SINGULAR, PLURAL))


def countable(dice: Dice, tags: str | frozenset[str]) -> Noun:
    """A noun whose number is visible."""
    noun = dice.draw(nouns(tags))
    return noun if noun.countable else countable(dice, tags)


def counted(dice: Dice, number: str, tags: str = "person animal") -> NP:
    return thing(dice, countable(dice, tags), number=number)


def present(dice: Dice, subject: NP) -> Clause:
    """A clause whose first verb agrees with its subject."""
    made = core(dice, subject, form=dice.one((NOW, NOW, GOING_ON, DONE)))
    return replace(made, perfect=made.perfect and "=" not in made.verb.marks)


def disagreeing(good: Clause) -> Pair:
    """The same clause with its verb in the other number."""
    other = OTHER_NUMBER[good.subject.agreement[1]]
    return sentence(good), sentence(replace(good, agreement=(3, other, "")))


def with_self(dice: Dice, number: str) -> Clause:
    """A reflexive clause with a person as its subject."""
    noun = dice.draw(nouns("male female", names=number == SINGULAR))
    subject = thing(dice, noun, number=number)
    if subject.owner:
        return with_self(dice, number)
    made = core(dice, subject, dice.draw(REFLEXIVE), reflexive(subject), THEN)
    return replace(made, companions=())


# --- phenomena ----------------------------------------------------------------------------------


def agreement(dice: Dice) -> Pair:
    return disagreeing(present(dice, counted(dice, either(dice))))


def agreement_attractor(dice: Dice) -> Pair:
    """A noun of the other number comes between subject and verb."""
    subject = counted(dice, either(dice))
    near = counted(dice, OTHER_NUMBER[subject.number], "person animal clothing furniture")
    beside = PP(dice.one(("with", "near", "behind", "next to")), replace(near, determiner="the"))
    return disagreeing(present(dice, replace(subject, after=(beside,))))


def agreement_relative(dice: Dice) -> Pair:
    """A relative clause whose subject has the other number comes between them."""
    subject = counted(dice, either(dice))
    taking = verbs(HUMAN, subject.noun.tags)
    assert taking, "nobody does anything to it"
    other = replace(counted(dice, OTHER_NUMBER[subject.number], "person"), determiner="the")
    inner = core(dice, other, dice.draw(taking), subject, dice.one((NOW, THEN)))
    relative = Embedded("that", replace(inner, companions=()), "object")
    return disagreeing(present(dice, replace(subject, after=(relative,))))


def determiner_noun(dice: Dice) -> Pair:
    verb, number = dice.draw(TRANSITIVE), either(dice)
    noun = countable(dice, verb.objects)
    words = dice.one((("this", "these"), ("that", "those")))
    right, wrong = words if number == SINGULAR else words[::-1]
    np = NP(noun, number, right, described(dice, noun, 0.5))
    good = core(dice, somebody(dice), verb, np, THEN)
    return sentence(good), sentence(replace(good, obj=replace(np, determiner=wrong)))


def anaphor_gender(dice: Dice) -> Pair:
    good = with_self(dice, SINGULAR)
    other = "f" if good.subject.noun.gender == "m" else "m"
    wrong = reflexive(replace(good.subject, gender=other))
    return sentence(good), sentence(replace(good, obj=wrong))


def anaphor_number(dice: Dice) -> Pair:
    good = with_self(dice, either(dice))
    wrong = reflexive(replace(good.subject, number=OTHER_NUMBER[good.subject.number]))
    return sentence(good), sentence(replace(good, obj=wrong))

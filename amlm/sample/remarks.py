"""Families of lines: conversational remarks, and sentences with quantifiers and kinds."""

from __future__ import annotations

from dataclasses import replace

from amlm.sample import lexicon, verb_lexicon
from amlm.sample.clauses import DEEDS, DONE, NOW, THEN, WISHES, clause, core, negated, with_any
from amlm.sample.morphology import an, with_s
from amlm.sample.phrases import YOU, name, somebody
from amlm.sample.structures import NP, PLURAL, SINGULAR, pronoun
from amlm.sample.syntax import (
    SUBJECT,
    join,
    noun_phrase,
    predicate,
    question,
    say,
    sentence,
    short_answer,
    short_form,
    statement,
)
from amlm.sample.words import NOUN, VERB, Dice, Pool, make_noun, nouns

COMPARED = [VERB[lemma] for lemma in verb_lexicon.COMPARED.split()]
KINDS = lexicon.table(lexicon.KINDS)
NUMBERS = lexicon.NUMBERS.split()
NEGATIVE = ("no", "nobody", "few")
QUANTIFIERS = Pool(["no", "every", "nobody", "all", "everybody", "few", "each", "most", "both"])


def alike(dice: Dice) -> list[str]:
    """Two people who do, or do not do, the same: so does, neither does, but ... doesn't."""
    who, other, kind = somebody(dice), name(dice), dice.random()
    made = core(dice, who, dice.one(COMPARED), form=dice.one((NOW, THEN)))
    if who.noun is other.noun or (made.obj and made.obj.said == "reflexive"):
        return alike(dice)
    same, second = replace(made, subject=other), noun_phrase(other, SUBJECT)
    auxiliary = short_form(same, yes=True)[1]
    if kind < 0.3:
        return [say(f"{statement(made)}, but {second} {short_form(same, yes=False)[1]}")]
    if kind < 0.5:
        return [say(f"{statement(made)}, and so {auxiliary} {second}")]
    if kind < 0.65:
        return [say(f"{statement(negated(dice, made))}, and neither {auxiliary} {second}")]
    contrast = core(dice, other, made.verb, form=(made.tense, False, False))
    return [say(f"{statement(made)}, but {statement(contrast)}")]


def tagged(dice: Dice) -> list[str]:
    """A statement with its tag question."""
    made = clause(dice, somebody(dice) if dice.chance(0.8) else YOU)
    if made.tense in ("may", "might", "must"):
        return tagged(dice)
    subject, auxiliary = short_form(made, yes=made.negated or made.adverb in ("never", "rarely"))
    return [say(f"{statement(made)}, {auxiliary} {subject}", "?")]


def command(dice: Dice) -> list[str]:
    """An imperative."""
    made = core(dice, YOU, dice.draw(WISHES), form=("base", False, False))
    kind, text, mark = dice.random(), predicate(made), dice.one(".!")
    if kind < 0.25:
        return [say(f"don't {predicate(replace(made, obj=with_any(made.obj)))}", mark)]
    if kind < 0.5:
        return [say(f"please {text}" if dice.chance(0.6) else f"{text}, please")]
    if kind < 0.7:
        return [say(f"{noun_phrase(name(dice))}, {join(dice.one(('', 'please')), text)}", mark)]
    return [say(text, mark)]


def quantified(dice: Dice) -> list[str]:
    """Every, no, few, nobody; any and ever only under negation."""
    word = dice.draw(QUANTIFIERS)
    number = PLURAL if word in ("few", "all", "most", "both") else SINGULAR
    np = NP(dice.draw(nouns("person dog cat bird animal")), number, word)
    if word.endswith("body"):
        np = NP(make_noun(word, "human animate"), determiner="")
    made = core(dice, np, form=dice.one((THEN, NOW, DONE)))
    if made.obj and made.obj.said == "reflexive":
        return quantified(dice)
    if word in NEGATIVE:
        made = replace(made, obj=with_any(made.obj), adverb="ever" if made.perfect else "")
    return [sentence(made)]


def ever(dice: Dice) -> list[str]:
    """Never, not ... any, has ... ever?"""
    made = core(dice, somebody(dice), dice.draw(DEEDS), form=DONE)
    made = replace(made, obj=with_any(made.obj))
    if dice.chance(0.5):
        return [question(replace(made, adverb="ever")), short_answer(made, dice.chance(0.5))]
    if dice.chance(0.5):
        return [sentence(replace(made, adverb="never"))]
    return [sentence(negated(dice, replace(made, adverb="ever")))]


def kinds(dice: Dice) -> list[str]:
    """Hypernyms: a robin is a kind of bird."""
    kind, wrong = dice.one(list(KINDS)), dice.one(list(KINDS))
    one, other = dice.one(KINDS[kind]), dice.one(KINDS[kind])
    how = dice.random()
    if how < 0.3 and one != other:
        return [say(f"{NOUN[one].plural} and {NOUN[other].plural} are {with_s(kind)}")]
    if how < 0.55 and one not in KINDS[wrong]:
        return [say(f"is {an(one)} {an(wrong)}", "?"), f"No, it isn't. It is {an(kind)}."]
    if how < 0.75:
        return [say(f"what is {an(one)}", "?"), say(f"{an(one)} is {an(kind)}")]
    return [say(f"{an(one)} is {dice.one((an(kind), f'a kind of {kind}'))}")]


def sums(dice: Dice) -> list[str]:
    """Small sums, with and without objects."""
    total = dice.one(range(2, 11))
    part = dice.one(range(1, total))
    if dice.chance(0.3):
        return [say(f"{NUMBERS[part]} and {NUMBERS[total - part]} make {NUMBERS[total]}")]
    noun, who = dice.draw(nouns("fruit toy treasure pen baked")), name(dice)
    counted = [f"{word} {noun.lemma if word == 'one' else noun.plural}" for word in NUMBERS]
    he = noun_phrase(pronoun(who), SUBJECT)
    if dice.chance(0.5):
        start, end, act = total, total - part, dice.one(("gives away", "loses", "sells"))
        more = NUMBERS[part]
    else:
        start, end, act = total - part, total, dice.one(("finds", "buys", "gets"))
        more = f"{NUMBERS[part]} more"
    return [f"{who.noun.lemma} has {counted[start]} and {act} {more}. Now {he} has {counted[end]}."]

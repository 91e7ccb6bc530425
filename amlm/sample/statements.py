"""Families of lines: single-sentence statements, simple and complex.

A family is a function from a source of random choices to a list of lines.
"""

from __future__ import annotations

from dataclasses import replace

from amlm.sample import lexicon, verb_lexicon
from amlm.sample.clauses import (
    DEEDS,
    FORMS,
    HAD_DONE,
    MOOD,
    MOODS,
    NOW,
    THEN,
    WAS_GOING_ON,
    WILL,
    WISHES,
    Form,
    actor,
    clause,
    core,
    modified,
    negated,
)
from amlm.sample.morphology import an, comparative
from amlm.sample.phrases import THERE, locative, name, somebody, thing
from amlm.sample.structures import NP, PLURAL, PP, SINGULAR, Clause, Embedded, being, pronoun
from amlm.sample.syntax import noun_phrase, predicate, say, sentence, statement
from amlm.sample.words import NOUN, VERB, Dice, Pool, adjectives, nouns, verb_list

THINKING, WANTING = Pool(verb_list(verb_lexicon.THINKING)), Pool(verb_list(verb_lexicon.WANTING))
ASKING, LIKING = Pool(verb_list(verb_lexicon.ASKING)), Pool(verb_list(verb_lexicon.LIKING))
SEEMING = Pool(verb_list(verb_lexicon.SEEMING))
REPORTED: Pool[Form] = Pool([THEN, HAD_DONE, WAS_GOING_ON, ("would", False, False)])
OPPOSITES = lexicon.both_ways(lexicon.ANTONYMS)
BY_SIZE = [row.split() for row in lexicon.BY_SIZE]
# Things and people, and where they can be found.
WHEREABOUTS = [
    ("toy fruit treasure text pen", "surface container seat"),
    ("dog cat pet", "room yard garden"),
    ("person", "room building land"),
    ("bird wild livestock", "land"),
    ("marine", "waters"),
    ("flower trees", "garden park field yard"),
    ("furniture instrument", "room"),
]


def plain(dice: Dice) -> list[str]:
    return [sentence(clause(dice))]


def quality(dice: Dice) -> list[str]:
    """A copular sentence: is, was, looks, seems; is not X but its opposite."""
    np = somebody(dice)
    if dice.chance(0.6):
        np = modified(dice, thing(dice, dice.draw(nouns("animal thing place food event"))))
    np = replace(np, adjectives=())
    pool = adjectives(np.noun.tags)
    assert pool, "a noun without adjectives"
    word, tense = dice.draw(pool)[1], dice.one(("present", "past"))
    degree = dice.one(("", "", "", "very", "very", "really", "quite", "so"))
    if word in MOODS and dice.chance(0.4):
        seems = Clause(np, dice.draw(SEEMING), None, (degree, word), tense)
        return [sentence(negated(dice, seems) if dice.chance(0.15) else seems)]
    made = being(pronoun(np) if dice.chance(0.15) else np, degree, word, tense=tense)
    if dice.chance(0.8):
        return [sentence(replace(made, contracted=dice.chance(0.6)))]
    text = statement(negated(dice, being(made.subject, word, tense=tense)))
    if word in OPPOSITES:
        text += f"; {statement(being(pronoun(np), OPPOSITES[word], tense=tense))}"
    return [say(text)]


def comparison(dice: Dice) -> list[str]:
    """Comparisons of size, consistent with the order in the lexicon."""
    order = dice.one(BY_SIZE)
    low, high = sorted((dice.one(range(len(order))), dice.one(range(len(order)))))
    if low == high:
        return comparison(dice)
    first, second, words = order[high], order[low], ("big", "large", "heavy")
    if dice.chance(0.5):
        first, second, words = second, first, ("small", "light", "small")
    more = comparative(dice.one(words))
    if dice.chance(0.2):
        one, other = dice.one(((first, second), (second, first)))
        return [f"Which is {more}, {an(one)} or {an(other)}?", say(f"{an(first)} is {more}")]
    here, there = dice.one((("a", "a"), ("the", "the"), ("this", "that"), ("", "")))
    number = SINGULAR if here else PLURAL
    subject = NP(NOUN[first], number, here)
    if number == SINGULAR and dice.chance(0.3):
        subject = replace(subject, owner=name(dice))
    than = f"than {noun_phrase(NP(NOUN[second], number, there))}"
    return [sentence(being(subject, more, than, tense="present"))]


def existence(dice: Dice) -> list[str]:
    """There is, there are; there isn't any."""
    what, places = dice.one(WHEREABOUTS)
    np = replace(thing(dice, dice.draw(nouns(what))), owner=None)
    place = dice.draw(nouns(places))
    where = PP(locative("LOC", place), thing(dice, place, number=SINGULAR))
    some = "a" if np.number == SINGULAR else dice.one(("two", "three", "some", "many", "four"))
    kind = dice.random()
    if kind < 0.1:
        some = "no"
    elif kind < 0.2 and np.number == PLURAL:
        some = "any"
    np = replace(np, determiner=some)
    made = being(THERE, np, where, tense=dice.one(("present", "past")))
    made = replace(made, agreement=np.agreement)
    if some == "any":
        made = negated(dice, made)
    elif kind > 0.75:
        made = replace(made, companions=(np,), when=where, fronted=True)
    return [sentence(made)]


def reason(dice: Dice) -> list[str]:
    """A feeling and its consequence, joined by because, so, if, when or although."""
    who, mood = actor(dice), dice.one(MOOD)
    word = dice.one(("because", "because", "so", "if", "when", "although"))
    form = {"if": WILL, "when": NOW}.get(word, THEN)
    degree = "" if word in ("if", "so") else dice.one(("", "", "very", "so"))
    state = being(who, degree, mood, tense="past" if form is THEN else "present")
    deed = core(dice, who, dice.one(MOODS[mood]), form=form)
    if word == "so":
        return [say(f"{statement(state)}, so {statement(replace(deed, subject=pronoun(who)))}")]
    if word == "although":
        deed = negated(dice, deed)
    return [sentence(replace(deed, when=Embedded(word, state), fronted=dice.chance(0.5)))]


def sequence(dice: Dice) -> list[str]:
    """Two actions in temporal order: before, after, when, while, as soon as."""
    who = actor(dice)
    other = who if dice.chance(0.45) else actor(dice)
    word = dice.one(("before", "after", "when", "while", "as soon as"))
    form = WAS_GOING_ON if word == "while" else THEN
    inner = Embedded(word, core(dice, other, dice.draw(DEEDS), form=form))
    main = core(dice, who, dice.draw(DEEDS), form=THEN)
    return [sentence(replace(main, when=inner, fronted=dice.chance(0.5)))]


def reported(dice: Dice) -> list[str]:
    """Complement clauses: says that, knew what."""
    who, past = actor(dice), dice.chance(0.6)
    tense = "past" if past else "present"
    if dice.chance(0.3):
        done = VERB[dice.one(("eat", "buy", "find", "make", "read"))]
        inner = core(dice, verb=done, form=HAD_DONE if past else THEN, companions=0)
        what = Embedded("what", inner, "object")
        made = Clause(who, VERB[dice.one(("know", "remember"))], None, (what,), tense)
        return [sentence(negated(dice, made) if dice.chance(0.4) else made)]
    inner = core(dice, actor(dice), form=dice.draw(REPORTED if past else FORMS))
    inner = negated(dice, inner) if dice.chance(0.1) else inner
    that = Embedded(dice.one(("that", "")), inner)
    return [sentence(Clause(who, dice.draw(THINKING), None, (that,), tense))]


def wishing(dice: Dice) -> list[str]:
    """Infinitives and gerunds: wants to sing, asked Tom to help, likes reading."""
    who, kind = actor(dice), dice.random()
    verb, form, obj = dice.draw(WANTING), "to", None
    if kind < 0.3:
        verb, obj = dice.draw(ASKING), somebody(dice)
    elif kind < 0.5:
        verb, form = dice.draw(LIKING), "ing"
    inner = core(dice, obj or who, dice.draw(WISHES), form=(form, False, False))
    tense = dice.one(("present", "past", "past"))
    made = Clause(who, verb, obj, (Embedded("", inner),), tense)
    return [sentence(negated(dice, made) if dice.chance(0.15) else made)]


def deeds(dice: Dice) -> list[str]:
    """Two actions of one subject."""
    who, form = actor(dice), dice.one((THEN, NOW, WILL))
    first, second = (core(dice, who, dice.draw(DEEDS), form=form) for _ in range(2))
    if first.verb is second.verb:
        return deeds(dice)
    rest = predicate(replace(second, tense="base") if form is WILL else second)
    return [say(f"{statement(first)} {dice.one(('and', 'and', 'and then'))} {rest}")]

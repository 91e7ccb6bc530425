"""Nonce words: stems that obey phonotactics, their derived forms, and lines that use them.

A fixed stock of stems is shared by texts of all seeds, so that they can be learned; sometimes a
line invents a new one. Derived forms follow rules without exception.
"""

from __future__ import annotations

from dataclasses import replace

from amlm.sample import lexicon
from amlm.sample.clauses import NOW, THEN, actor, clause, core, negated
from amlm.sample.morphology import adverb, an, attach, nominalize
from amlm.sample.phrases import YOU, generic, name, thing
from amlm.sample.structures import NP, PP, SINGULAR, Clause, Embedded, being, pronoun
from amlm.sample.syntax import SUBJECT, noun_phrase, question, say, sentence, short_answer
from amlm.sample.words import VERB, Dice, Noun, Pool, Verb, make_noun, make_verb, nouns

ONSETS, NUCLEI = lexicon.ONSETS.split(), lexicon.NUCLEI.split()
CODAS, LIGHT = lexicon.CODAS.split(), lexicon.LIGHT.split()
REAL = frozenset(lexicon.REAL.split())
ENDINGS = Pool(["able", "ish", "ous", "ive", "al", "ic", "ful", "less"], [5, 4, 3, 2, 2, 2, 1, 1])
BEARERS = "animal toy clothing container human pet"
OBJECTS = "toy container clothing fruit cup stone"
ORDINARY_QUALITIES = ("kind", "sad", "happy", "lazy", "polite", "rude", "brave", "clever", "gentle")
ORDINARY_DOERS = [VERB[lemma] for lemma in (
    "sing", "bake", "paint", "write", "dance", "read", "help", "drive", "swim", "run", "climb"
)]  # fmt: skip
ORDINARY_DEEDS = [VERB[lemma] for lemma in ("wash", "break", "read", "eat", "fix")]
SURPRISE = [make_verb(lemma) for lemma in ("surprise", "puzzle", "interest")]
NOTICE = [make_verb(lemma) for lemma in ("notice", "mention", "describe")]


# --- words --------------------------------------------------------------------------------------


def stem(dice: Dice) -> str:
    """A new stem of one or two syllables."""
    while True:
        syllable = dice.one(ONSETS) + dice.one(NUCLEI) + dice.one(CODAS)
        heavy = ("oo" in syllable or "ee" in syllable) and len(syllable) > 5
        if syllable not in REAL and not heavy:
            return dice.one(LIGHT) + syllable if dice.chance(0.25) else syllable


def _stock(of: str, count: int = 60) -> Pool[str]:
    dice = Dice(f"invented {of}")
    return Pool(list(dict.fromkeys(stem(dice) for _ in range(count))))


NOUN_STEMS, VERB_STEMS, ADJECTIVE_STEMS = _stock("nouns"), _stock("verbs"), _stock("adjectives")


def known_stem(dice: Dice, stock: Pool[str]) -> str:
    """A stem from the stock or, rarely, a new one."""
    return stem(dice) if dice.chance(0.08) else dice.draw(stock)


def creature(dice: Dice) -> Noun:
    return make_noun(known_stem(dice, NOUN_STEMS), "animal pet small animate")


def deed(dice: Dice) -> Verb:
    return make_verb(known_stem(dice, VERB_STEMS), "human", OBJECTS)


def adjective(dice: Dice) -> str:
    """A nonce adjective, with a derivational ending or (rarely) without one."""
    base = known_stem(dice, ADJECTIVE_STEMS)
    return base if dice.chance(0.15) else attach(base, dice.draw(ENDINGS))


# --- phrases ------------------------------------------------------------------------------------


def bearer(dice: Dice, tags: str = BEARERS) -> NP:
    """A noun phrase that can have a quality."""
    np = thing(dice, dice.draw(nouns(tags)), number=SINGULAR)
    return replace(np, determiner=dice.one(("the", "this", "a")), adjectives=())


def known(np: NP) -> NP:
    """The second mention of a noun phrase."""
    return replace(np, determiner="the") if np.determiner == "a" else np


def owned(dice: Dice, quality: str, owner: NP) -> NP:
    """A possessed quality: her kindness, the wuggishness of the dog."""
    noun = make_noun(quality, "mass")
    if owner.said == "full" and dice.chance(0.5):
        return NP(noun, after=(PP("of", owner),))
    return NP(noun, owner=owner)


def marvel(dice: Dice, np: NP) -> Clause:
    """A clause in which somebody notices something or is surprised by it."""
    who = actor(dice)
    if dice.chance(0.5):
        return Clause(np, dice.one(SURPRISE), who)
    return Clause(who, dice.one(NOTICE), np)


# --- lines --------------------------------------------------------------------------------------


def ordinary(dice: Dice) -> list[str]:
    """A nonce noun, verb or adjective in an ordinary sentence."""
    kind = dice.random()
    if kind < 0.35:
        return [sentence(clause(dice, thing(dice, creature(dice))))]
    if kind < 0.55:
        act = VERB[dice.one(("see", "chase", "feed", "find", "watch", "have"))]
        return [sentence(clause(dice, actor(dice), act, thing(dice, creature(dice))))]
    if kind < 0.8:
        return [sentence(clause(dice, verb=deed(dice)))]
    np = replace(thing(dice, dice.draw(nouns(BEARERS))), adjectives=(adjective(dice),))
    return [sentence(clause(dice, actor(dice), VERB["see"], np))]


def plurals(dice: Dice) -> list[str]:
    one = creature(dice)
    count = dice.one(("two", "three", "many"))
    return [f"This is {an(one.lemma)}. Now there are {count} {one.plural}."]


def definition(dice: Dice) -> list[str]:
    one = creature(dice)
    size = "small" if len(one.lemma) % 2 else "big"  # always the same for one creature
    animal = NP(make_noun("animal", "animal"), determiner="a", adjectives=(size,))
    habit = core(dice, animal, VERB[dice.one(("sleep", "hide", "sit"))], form=NOW)
    animal = replace(animal, after=(Embedded("that", habit, "subject"),))
    return [sentence(being(NP(one, determiner="a"), animal, tense="present"))]


def doer(dice: Dice) -> list[str]:
    """Present, past and agent noun of one verb, nonce or ordinary."""
    act = deed(dice) if dice.chance(0.6) else dice.one(ORDINARY_DOERS)
    who, agent = name(dice), NP(make_noun(attach(act.base, "er")), determiner="a")
    habit = Clause(who, act, generic(dice, act), tense="present")
    if dice.chance(0.4):
        person = NP(make_noun("somebody", "human"), determiner="")
        who_does = Embedded("who", replace(habit, subject=person), "subject")
        return [sentence(being(agent, replace(person, after=(who_does,)), tense="present"))]
    yesterday = core(dice, pronoun(who), act, form=THEN)
    told = (
        replace(habit, when=dice.one(("every day", "often", "every week"))),
        replace(yesterday, when="yesterday", fronted=dice.chance(0.5)),
        being(pronoun(who), agent, tense="present"),
    )
    return [" ".join(map(sentence, told))]


def doable(dice: Dice) -> list[str]:
    """-able and un- of one verb, and its nominalisation."""
    act = deed(dice) if dice.chance(0.75) else dice.one(ORDINARY_DEEDS)
    obj = thing(dice, dice.draw(nouns(act.objects)), number=SINGULAR)
    obj = replace(obj, determiner=dice.one(("this", "that", "the")), owner=None)
    who, able = YOU, attach(act.base, "able")
    if dice.chance(0.4):
        who, able = NP(make_noun("nobody", "human"), determiner=""), "un" + able
    told = [Clause(who, act, obj, tense="can"), being(pronoun(obj), able, tense="present")]
    if dice.chance(0.5):
        told.append(marvel(dice, owned(dice, nominalize(able), pronoun(obj))))
    return [" ".join(map(sentence, told))]


def likeness(dice: Dice) -> list[str]:
    """-ish, -less and -ful of one noun."""
    one, ending = creature(dice).lemma, dice.one(("ish", "ish", "less", "ful"))
    np = bearer(dice, "container cup" if ending == "ful" else BEARERS)
    has = {"ish": f"looks like {an(one)}", "less": f"has no {one}", "ful": f"is full of {one}"}
    told = [being(pronoun(np), attach(one, ending), tense="present")]
    if dice.chance(0.4):
        told.append(marvel(dice, owned(dice, nominalize(attach(one, ending)), known(np))))
    first = say(f"{noun_phrase(np, SUBJECT)} {has[ending]}")
    return [" ".join((first, *map(sentence, told)))]


def qualities(dice: Dice) -> list[str]:
    """An adjective and its nominalisation."""
    if dice.chance(0.25):
        quality = dice.one(ORDINARY_QUALITIES)
        np = thing(dice, dice.draw(nouns("male female")))
    else:
        quality, np = adjective(dice), bearer(dice)
    degree = dice.one(("", "very", "so", "quite"))
    so = being(np, degree, quality, tense=dice.one(("past", "present")))
    owner = pronoun(np) if dice.chance(0.6) else known(np)
    return [f"{sentence(so)} {sentence(marvel(dice, owned(dice, nominalize(quality), owner)))}"]


def manners(dice: Dice) -> list[str]:
    """An adjective with its adverb, its opposite, or a question about it."""
    quality, np, kind = adjective(dice), known(bearer(dice, "animal human")), dice.random()
    so = being(np, quality, tense=dice.one(("past", "present")))
    if kind < 0.4:
        act = core(dice, pronoun(np), form=THEN)
        act = replace(act, companions=(*act.companions, adverb(quality)))
        return [f"{sentence(so)} {sentence(act)}"]
    if kind < 0.75:
        opposite = being(pronoun(np), "un" + quality, tense=so.tense)
        return [f"{sentence(negated(dice, so))} {sentence(opposite)}"]
    return [question(so), short_answer(so, dice.chance(0.5))]


FAMILIES = Pool(
    [ordinary, plurals, definition, doer, doable, likeness, qualities, manners],
    [28, 5, 8, 13, 14, 12, 14, 8],
)


def nonce_lines(dice: Dice) -> list[str]:
    """Lines about a nonce word, and sometimes about derivations of an ordinary word."""
    return dice.draw(FAMILIES)(dice)

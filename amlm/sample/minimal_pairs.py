"""Minimal pairs in the style of BLiMP: a good and a bad sentence with a minimal difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from typing import NamedTuple

from amlm.sample.agreement_pairs import (
    TRANSITIVE,
    Pair,
    agreement,
    agreement_attractor,
    agreement_relative,
    anaphor_gender,
    anaphor_number,
    countable,
    counted,
    determiner_noun,
    either,
)
from amlm.sample.clauses import (
    DEEDS,
    DONE,
    GOING_ON,
    HUMAN,
    NOW,
    THEN,
    WILL,
    core,
    owning,
    passivable,
)
from amlm.sample.morphology import article, attach, nominalize, nominalizer, with_s
from amlm.sample.nonce import ENDINGS, bearer, deed, marvel, stem
from amlm.sample.phrases import described, name, somebody
from amlm.sample.structures import NP, PASSIVE, PLURAL, SINGULAR, Embedded, being, pronoun
from amlm.sample.syntax import (
    SUBJECT,
    join,
    noun_phrase,
    operator,
    question,
    say,
    sentence,
    statement,
)
from amlm.sample.words import NOUNS, VERB, VERBS, Dice, Pool, adjectives, make_noun, verbs


class MinimalPair(NamedTuple):
    good: str
    bad: str
    phenomenon: str


PEOPLE_ONLY = Pool([v for v in DEEDS.items if v.subjects == HUMAN], flat=12.0)
# Verbs that never take an object; one can walk a dog.
INTRANSITIVE = [
    VERB[x] for x in ("sleep", "laugh", "cry", "smile", "arrive", "sneeze", "fall", "go")
]
STRONG = [v for v in VERBS if "human" in v.subjects and v.past != attach(v.base, "ed")]
IRREGULAR = [
    noun
    for noun in NOUNS
    if noun.plural not in (noun.lemma, with_s(noun.lemma)) and verbs(HUMAN, noun.tags)
]


def npi(dice: Dice) -> Pair:
    """`ever` and `any` need a preceding negation."""
    subject, kind = counted(dice, SINGULAR, "person"), dice.random()
    if kind < 0.4:
        no = replace(subject, determiner="no", owner=None)
        good = replace(core(dice, no, dice.draw(TRANSITIVE), form=DONE), adverb="ever")
        some = replace(no, determiner=dice.one(("the", "this", "every")))
        return sentence(good), sentence(replace(good, subject=some))
    good = core(dice, subject, dice.draw(TRANSITIVE), form=DONE if kind < 0.7 else THEN)
    if kind < 0.7:
        good = replace(good, adverb="ever", negated=True)
    else:
        noun = countable(dice, good.verb.objects)
        good = replace(good, obj=NP(noun, PLURAL, "any"), negated=True, companions=())
    return sentence(good), sentence(replace(good, negated=False))


def irregular_verb(dice: Dice) -> Pair:
    """Past and participle swapped, or regularised if they are identical."""
    act = dice.one(STRONG)
    past, participle = act.participle, act.past
    if past == participle:
        past = participle = attach(act.base, "ed")
    good = core(dice, somebody(dice), act, form=dice.one((THEN, DONE)))
    wrong = replace(act, past=past, participle=participle)
    return sentence(good), sentence(replace(good, verb=wrong))


def irregular_noun(dice: Dice) -> Pair:
    noun = dice.one(IRREGULAR)
    taking = verbs(HUMAN, noun.tags)
    assert taking, "nobody does anything to it"
    np = NP(noun, PLURAL, dice.one(("two", "many", "these", "the", "some")), described(dice, noun))
    good = core(dice, somebody(dice), dice.draw(taking), np, THEN)
    wrong = replace(np, noun=replace(noun, plural=with_s(noun.lemma)))
    return sentence(good), sentence(replace(good, obj=wrong))


def animacy(dice: Dice) -> Pair:
    """Only people laugh, read and think."""
    person = NP(countable(dice, "person"), gender="m")
    good = core(dice, person, dice.draw(PEOPLE_ONLY), form=THEN)
    if owning(good):
        return animacy(dice)
    if passivable(good) and dice.chance(0.4):
        good = replace(good, voice=PASSIVE)
    lifeless = NP(countable(dice, "furniture tool clothing fruit"))
    return sentence(good), sentence(replace(good, subject=lifeless))


def transitivity(dice: Dice) -> Pair:
    """An object where the verb takes none."""
    good = replace(core(dice, somebody(dice), dice.draw(TRANSITIVE), form=THEN), companions=())
    return sentence(good), sentence(replace(good, verb=dice.one(INTRANSITIVE)))


def question_form(dice: Dice) -> Pair:
    """The verb after `do` is a base form; the subject follows the auxiliary."""
    subject = counted(dice, SINGULAR, "person")
    good = core(dice, subject, dice.draw(TRANSITIVE), form=dice.one((THEN, NOW)))
    if dice.chance(0.5):
        return question(good), say(f"{operator(good)[0]} {statement(good)}", "?")
    word = "who" if good.obj and "human" in good.obj.noun.tags else "what"
    return question(good, word, "object"), say(f"{word} {statement(good, 'object')}", "?")


def question_relative(dice: Dice) -> Pair:
    """The auxiliary of the main clause is fronted, not that of the relative clause."""
    subject = counted(dice, either(dice), "person")
    qualities, inner = adjectives(subject.noun.tags), core(dice, subject, form=GOING_ON)
    assert qualities, "people have qualities"
    if not inner.progressive:
        return question_relative(dice)
    bare = replace(inner, tense="ing", progressive=False)
    whole, torn = (
        replace(subject, after=(Embedded("who", clause, "subject"),)) for clause in (inner, bare)
    )
    auxiliary, (_, word) = operator(inner)[0], dice.draw(qualities)
    text = join(auxiliary, noun_phrase(torn, SUBJECT), auxiliary, word)
    return question(being(whole, word, tense="present")), say(text, "?")


def derivation(dice: Dice) -> Pair:
    """The nominalisation of a nonce adjective: -ity or -ness, depending on its ending."""
    quality, np = attach(stem(dice), dice.draw(ENDINGS)), bearer(dice)
    wrong_suffix = "ness" if nominalizer(quality) == "ity" else "ity"
    right, wrong = (
        NP(make_noun(nominalize(quality, suffix), "mass"), owner=pronoun(np))
        for suffix in ("", wrong_suffix)
    )
    first, good = sentence(being(np, quality)), marvel(dice, right)
    bad = replace(good, subject=wrong) if good.subject is right else replace(good, obj=wrong)
    return f"{first} {sentence(good)}", f"{first} {sentence(bad)}"


def tense(dice: Dice) -> Pair:
    """Time expressions require a tense, also of nonce verbs."""
    act = deed(dice) if dice.chance(0.5) else dice.draw(TRANSITIVE)
    form, wrong, times = THEN, "will", ("yesterday", "last night", "two days ago")
    if dice.chance(0.5):
        form, wrong, times = WILL, "past", ("tomorrow", "next week", "soon")
    good = core(dice, somebody(dice), act, form=form)
    good = replace(good, when=dice.one(times), fronted=dice.chance(0.5))
    return sentence(good), sentence(replace(good, tense=wrong))


def adjective_order(dice: Dice) -> Pair:
    noun = countable(dice, "clothing toy vehicle container flower cat dog")
    words = described(dice, noun, 1.0)
    if len(words) < 2:
        return adjective_order(dice)
    act = VERB[dice.one(("see", "find", "want", "like"))]
    good = core(dice, somebody(dice), act, NP(noun, either(dice), "the", words), THEN)
    bad = NP(noun, good.obj.number if good.obj else SINGULAR, "the", words[::-1])
    return sentence(good), sentence(replace(good, obj=bad))


def a_or_an(dice: Dice) -> Pair:
    act = dice.draw(TRANSITIVE)
    noun = countable(dice, act.objects)
    np = NP(noun, determiner="a", adjectives=described(dice, noun))
    good = core(dice, name(dice), act, np, THEN)
    first = (*np.adjectives, noun.lemma)[0]
    wrong = "an" if article(first) == "a" else "a"
    # An adjective is realised as it is written.
    bad = replace(np, determiner="", adjectives=(wrong, *np.adjectives))
    return sentence(good), sentence(replace(good, obj=bad))


PHENOMENA: list[Callable[[Dice], Pair]] = [
    agreement,
    agreement_attractor,
    agreement_relative,
    determiner_noun,
    anaphor_gender,
    anaphor_number,
    npi,
    irregular_verb,
    irregular_noun,
    animacy,
    transitivity,
    question_form,
    question_relative,
    derivation,
    tense,
    adjective_order,
    a_or_an,
]


def minimal_pairs(seed: int, count: int) -> Iterator[MinimalPair]:
    """Minimal pairs that cycle through all phenomena; reproducible from the seed.

    Args:
        seed: seed of the sequence.
        count: number of pairs.
    """
    dice = Dice(f"minimal pairs {seed}")
    for phenomenon in islice(cycle(PHENOMENA), count):
        good, bad = phenomenon(dice)
        while good == bad:
            good, bad = phenomenon(dice)
        yield MinimalPair(good, bad, phenomenon.__name__)

"""Minimal pairs in the manner of BLiMP: a good sentence and a bad one that differ in very little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from typing import NamedTuple, TypeAlias

from amlm.data.grammar.lines import DEEDS
from amlm.data.grammar.nonce import ENDINGS, bearer, deed, derive, marvel, stem
from amlm.data.grammar.scene import (
    DONE,
    GOING_ON,
    HUMAN,
    NOW,
    THEN,
    WILL,
    being,
    core,
    described,
    name,
    owning,
    passivable,
    somebody,
    thing,
)
from amlm.data.grammar.syntax import (
    NP,
    PASSIVE,
    PLURAL,
    PP,
    SINGULAR,
    SUBJECT,
    Clause,
    Embedded,
    join,
    noun_phrase,
    operator,
    pronoun,
    question,
    reflexive,
    say,
    sentence,
    statement,
)
from amlm.data.grammar.triplets import DOING, OTHER_NUMBER
from amlm.data.grammar.words import (
    NOUNS,
    VERB,
    VERBS,
    Dice,
    Noun,
    Pool,
    adjectives,
    article,
    attach,
    make_noun,
    nominalize,
    nominalizer,
    nouns,
    verbs,
    with_s,
)

Pair: TypeAlias = tuple[str, str]


class MinimalPair(NamedTuple):
    good: str
    bad: str
    phenomenon: str


PEOPLE_ONLY = Pool([v for v in DEEDS.items if v.subjects == HUMAN], flat=12.0)
INTRANSITIVE = [v for v in VERBS if "human" in v.subjects and not (v.objects or v.particle)]
TRANSITIVE = Pool(
    [v for v in DOING.items if not v.particle and "drink" not in v.objects], flat=12.0
)
REFLEXIVE = Pool([v for v in DOING.items if "~" in v.marks], flat=4.0)
STRONG = [v for v in VERBS if "human" in v.subjects and v.past != attach(v.base, "ed")]
IRREGULAR = [
    noun
    for noun in NOUNS
    if noun.plural not in (noun.lemma, with_s(noun.lemma)) and verbs(HUMAN, noun.tags)
]


# --- parts --------------------------------------------------------------------------------------


def either(dice: Dice) -> str:
    return dice.one((SINGULAR, PLURAL))


def countable(dice: Dice, tags: str) -> Noun:
    """A noun whose number shows."""
    noun = dice.draw(nouns(tags))
    hidden = noun.plural == noun.lemma or noun.tags & {"mass", "parent"}
    return countable(dice, tags) if hidden else noun


def counted(dice: Dice, number: str, tags: str = "person animal") -> NP:
    return thing(dice, countable(dice, tags), 1, number=number)


def present(dice: Dice, subject: NP) -> Clause:
    """A clause whose first verb agrees with its subject."""
    made = core(dice, subject, form=dice.one((NOW, NOW, GOING_ON, DONE)))
    return replace(made, perfect=made.perfect and "=" not in made.verb.marks)


def disagreeing(good: Clause) -> Pair:
    """The same with its verb in the other number."""
    other = OTHER_NUMBER[good.subject.agreement[1]]
    return sentence(good), sentence(replace(good, agreement=(3, other, "")))


def with_self(dice: Dice, number: str) -> Clause:
    """A person who does something to himself, herself or themselves."""
    noun = dice.draw(nouns("male female", names=number == SINGULAR))
    subject = thing(dice, noun, 1, number=number)
    if subject.owner:
        return with_self(dice, number)
    made = core(dice, subject, dice.draw(REFLEXIVE), reflexive(subject), THEN)
    return replace(made, companions=())


# --- phenomena ----------------------------------------------------------------------------------


def agreement(dice: Dice) -> Pair:
    return disagreeing(present(dice, counted(dice, either(dice))))


def agreement_attractor(dice: Dice) -> Pair:
    """A noun of the other number stands between subject and verb."""
    subject = counted(dice, either(dice))
    near = counted(dice, OTHER_NUMBER[subject.number], "person animal clothing furniture")
    beside = PP(dice.one(("with", "near", "behind", "next to")), replace(near, determiner="the"))
    return disagreeing(present(dice, replace(subject, after=(beside,))))


def agreement_relative(dice: Dice) -> Pair:
    """A subject of the other number stands between them, in a relative clause."""
    subject = counted(dice, either(dice))
    taking = verbs(HUMAN, subject.noun.tags)
    assert taking, "nobody does anything to it"
    other = replace(counted(dice, OTHER_NUMBER[subject.number], "person"), determiner="the")
    inner = core(dice, other, dice.draw(taking), subject, dice.one((NOW, THEN)))
    relative = Embedded("that", replace(inner, companions=()), "object")
    return disagreeing(present(dice, replace(subject, after=(relative,))))


def determiner_noun(dice: Dice) -> Pair:
    verb, number = dice.draw(TRANSITIVE), either(dice)
    noun = countable(dice, " ".join(sorted(verb.objects)))
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


def npi(dice: Dice) -> Pair:
    """`ever` and `any` need a negative before them."""
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
        noun = countable(dice, " ".join(sorted(good.verb.objects)))
        good = replace(good, obj=NP(noun, PLURAL, "any"), negated=True, companions=())
    return sentence(good), sentence(replace(good, negated=False))


def irregular_verb(dice: Dice) -> Pair:
    """Past and participle exchanged, or made regular where they are the same."""
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
    """The verb after `do` is bare; the subject follows the auxiliary."""
    subject = counted(dice, SINGULAR, "person")
    good = core(dice, subject, dice.draw(TRANSITIVE), form=dice.one((THEN, NOW)))
    if dice.chance(0.5):
        return question(good), say(f"{operator(good)[0]} {statement(good)}", "?")
    word = "who" if good.obj and "human" in good.obj.noun.tags else "what"
    return question(good, word, "object"), say(f"{word} {statement(good, 'object')}", "?")


def question_relative(dice: Dice) -> Pair:
    """It is the main clause's auxiliary that comes first, not the relative clause's."""
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
    """The quality noun of a new adjective: -ity or -ness, by its ending."""
    quality, np = derive(stem(dice), dice.draw(ENDINGS)), bearer(dice)
    wrong_suffix = "ness" if nominalizer(quality) == "ity" else "ity"
    right, wrong = (
        NP(make_noun(nominalize(quality, suffix), "mass"), owner=pronoun(np))
        for suffix in ("", wrong_suffix)
    )
    first, good = sentence(being(np, quality)), marvel(dice, right)
    bad = replace(good, subject=wrong) if good.subject is right else replace(good, obj=wrong)
    return f"{first} {sentence(good)}", f"{first} {sentence(bad)}"


def tense(dice: Dice) -> Pair:
    """A time asks for its tense, of invented verbs as of others."""
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
    noun = countable(dice, " ".join(sorted(act.objects)))
    np = NP(noun, determiner="a", adjectives=described(dice, noun))
    good = core(dice, name(dice), act, np, THEN)
    first = (*np.adjectives, noun.lemma)[0]
    wrong = "an" if article(first) == "a" else "a"
    # As an adjective it is said as it is written.
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
    """Minimal pairs of all phenomena in turn, the same for a seed everywhere.

    Args:
        seed: of the sequence.
        count: how many.
    """
    dice = Dice(f"minimal pairs {seed}")
    for phenomenon in islice(cycle(PHENOMENA), count):
        good, bad = phenomenon(dice)
        while good == bad:
            good, bad = phenomenon(dice)
        yield MinimalPair(good, bad, phenomenon.__name__)

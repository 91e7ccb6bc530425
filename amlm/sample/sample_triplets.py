"""Triplets: a sentence, one with the same meaning, and one with a different meaning.

All are derived from one structure, so that the kind of a triplet states exactly what was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice, product
from typing import NamedTuple, TypeAlias

from amlm.sample import lexicon
from amlm.sample.clauses import (
    DOING,
    GOING_ON,
    HUMAN,
    MUTUAL,
    NOW,
    THEN,
    TIMES,
    WAS_GOING_ON,
    WILL,
    Form,
    actor,
    core,
    owning,
    passivable,
    times_of,
    with_any,
)
from amlm.sample.phrases import thing
from amlm.sample.structures import ACTIVE, NP, OTHER_NUMBER, PASSIVE, Clause, Embedded
from amlm.sample.syntax import sentence
from amlm.sample.words import NOUN, VERB, Dice, Pool, nouns

Change: TypeAlias = Callable[[Dice, Clause], "Clause | None"]


class Triplet(NamedTuple):
    anchor: str
    positive: str  # same meaning
    negative: str  # different meaning
    kind: str  # "how the positive was made/how the negative was made"


SYNONYM, ANTONYM = lexicon.both_ways(lexicon.SYNONYMS), lexicon.both_ways(lexicon.ANTONYMS)
ANCHORS: Pool[Form] = Pool([THEN, NOW, WILL, WAS_GOING_ON, GOING_ON], [6, 2, 2, 1, 2])
OTHER_DETERMINER = {
    "the": "the", "a": "some", "some": "a",
    "this": "these", "these": "this", "that": "those", "those": "that",
}  # fmt: skip


def anchor(dice: Dice) -> Clause:
    """A clause that can be changed in several ways."""
    verb = dice.draw(MUTUAL if dice.chance(0.5) else DOING)
    subject = actor(dice)
    if dice.chance(0.6):
        subject = thing(dice, dice.draw(nouns("person")))
    made = replace(core(dice, subject, verb, form=dice.draw(ANCHORS)), contracted=False)
    if owning(made) or subject.owner or subject.joined:
        return anchor(dice)
    if dice.chance(0.3):
        made = replace(made, negated=True, obj=with_any(made.obj))
    times = times_of(made)
    if times and dice.chance(0.3):
        return replace(made, when=dice.draw(TIMES[times]), fronted=dice.chance(0.5))
    if made.tense == "past" and dice.chance(0.4):
        inner = core(dice, actor(dice), form=THEN)
        word = dice.one(("before", "after", "when", "because"))
        return replace(made, when=Embedded(word, inner), fronted=dice.chance(0.5))
    return made


def _altered(dice: Dice, made: Clause, change: Callable[[NP], NP | None]) -> Clause | None:
    """The clause with its subject or its object changed, if possible."""
    subject, obj = change(made.subject), made.obj and change(made.obj)
    if obj and (subject is None or dice.chance(0.5)):
        return replace(made, obj=obj)
    return replace(made, subject=subject) if subject else None


def _has_any(made: Clause) -> bool:
    """Whether the clause has `any`, which must stay after its negation."""
    return bool(made.obj and made.obj.determiner == "any")


# --- changes that preserve the meaning ----------------------------------------------------------


def passive(_: Dice, made: Clause) -> Clause | None:
    full = made.subject.said == "full" and not made.progressive and not _has_any(made)
    return replace(made, voice=PASSIVE) if full and passivable(made) else None


def contraction(_: Dice, made: Clause) -> Clause | None:
    return replace(made, contracted=True)  # the same text if there is nothing to contract


def order(_: Dice, made: Clause) -> Clause | None:
    return replace(made, fronted=not made.fronted) if made.when else None


def synonym(dice: Dice, made: Clause) -> Clause | None:
    if made.verb.lemma in SYNONYM:
        return replace(made, verb=VERB[SYNONYM[made.verb.lemma]])

    def change(np: NP) -> NP | None:
        if np.noun.lemma in SYNONYM and np.said == "full":
            return replace(np, noun=NOUN[SYNONYM[np.noun.lemma]])
        return _with_adjectives(np, SYNONYM)

    return _altered(dice, made, change)


# --- changes of the meaning ---------------------------------------------------------------------


def roles(_: Dice, made: Clause) -> Clause | None:
    obj = made.obj
    if not obj or made.verb not in MUTUAL.items or not obj.noun.tags >= HUMAN or _has_any(made):
        return None
    return replace(made, subject=obj, obj=made.subject)


def negation(_: Dice, made: Clause) -> Clause | None:
    if made.negated:
        obj = replace(made.obj, determiner="some") if made.obj and _has_any(made) else made.obj
        return replace(made, negated=False, obj=obj)
    changed = replace(made, negated=True, obj=with_any(made.obj))
    return None if _has_any(changed) and made.voice != ACTIVE else changed


def number(dice: Dice, made: Clause) -> Clause | None:
    def change(np: NP) -> NP | None:
        if not np.noun.countable or np.said != "full" or np.determiner not in OTHER_DETERMINER:
            return None
        determiner = OTHER_DETERMINER[np.determiner]
        return replace(np, number=OTHER_NUMBER[np.number], determiner=determiner)

    return _altered(dice, made, change)


def antonym(dice: Dice, made: Clause) -> Clause | None:
    return _altered(dice, made, lambda np: _with_adjectives(np, ANTONYM))


def _with_adjectives(np: NP, table: dict[str, str]) -> NP | None:
    """The noun phrase with its first replaceable adjective replaced."""
    for place, word in enumerate(np.adjectives):
        if word in table and np.said == "full":
            words = (*np.adjectives[:place], table[word], *np.adjectives[place + 1 :])
            return replace(np, adjectives=words) if len(set(words)) == len(words) else None
    return None


SAME: list[Change] = [passive, contraction, order, synonym]
DIFFERENT: list[Change] = [roles, negation, number, antonym]


def triplets(seed: int, count: int) -> Iterator[Triplet]:
    """Triplets that cycle through all sixteen kinds; reproducible from the seed.

    Args:
        seed: seed of the sequence, independent of the seed of a corpus.
        count: number of triplets.
    """
    dice = Dice(f"triplets {seed}")
    for same, different in islice(cycle(product(SAME, DIFFERENT)), count):
        texts: set[str] = set()
        while len(texts) < 3:
            first = anchor(dice)
            second = same(dice, first)
            if second and dice.chance(0.5):
                first, second = second, first
            third = different(dice, first)
            if second and third:
                said = sentence(first), sentence(second), sentence(third)
                texts = set(said)
        yield Triplet(*said, f"{same.__name__}/{different.__name__}")

"""Random noun phrases with compatible words."""

from __future__ import annotations

from amlm.sample import lexicon
from amlm.sample.structures import NP, PLURAL, PP, SINGULAR, pronoun
from amlm.sample.words import Dice, Noun, Pool, Verb, adjectives, make_noun, nouns

_SPEAKER = make_noun("speaker", "human")
ME, YOU, US = (
    NP(_SPEAKER, number, person=person, said="pronoun")
    for person, number in ((1, SINGULAR), (2, SINGULAR), (1, PLURAL))
)
THERE = NP(make_noun("there"), determiner="")
NAMES = nouns("name", names=True)
SINGULAR_WORDS = Pool(["the", "a", "this", "that", "another"], [50, 35, 7, 6, 2])
PLURAL_WORDS = Pool(
    ["the", "some", "", "these", "two", "those", "three", "many", "several", "a few", "four",
     "five", "six"],
    [48, 10, 8, 6, 6, 5, 4, 4, 3, 3, 2, 1, 1],
)  # fmt: skip
MASS_WORDS = Pool(["the", "some", ""], [5, 4, 3])
FIXTURE_WORDS = Pool(["the", "a", "that", "this"], [80, 14, 3, 3])
# Nouns with usually a single referent in a scene.
FIXTURES = frozenset({"place", "furniture", "part", "floor", "parent"})
OWNABLE = frozenset(lexicon.OWNABLE.split())


def name(dice: Dice) -> NP:
    return NP(dice.draw(NAMES), determiner="")


def two_names(dice: Dice) -> tuple[NP, NP]:
    who, other = name(dice), name(dice)
    return (who, other) if who.noun is not other.noun else two_names(dice)


def somebody(dice: Dice) -> NP:
    """A person to tell a story about: not `I` or `you`."""
    return name(dice) if dice.chance(0.6) else thing(dice, dice.draw(nouns("male female")))


def thing(dice: Dice, noun: Noun, possessor: NP | None = None, number: str = "") -> NP:
    """A noun phrase with the given noun as its head.

    `possessor` is the owner of nouns that need one (a nose, an aunt) and sometimes of others.
    """
    if "name" in noun.tags:
        return NP(noun, determiner="")
    tags, owner, determiner = noun.tags, None, ""
    fixture = bool(tags & FIXTURES)
    many = not tags & {"mass", "parent"} and dice.chance(0.08 if fixture else 0.28)
    number = number or (PLURAL if many else SINGULAR)
    if tags & {"body", "kin"} or (tags & OWNABLE and dice.chance(0.1)):
        fits = possessor and ("human" in possessor.noun.tags or "body" in tags)
        owner = name(dice) if dice.chance(0.5) else dice.one((ME, YOU, US))
        owner = pronoun(possessor) if possessor and fits and dice.chance(0.9) else owner
    elif "mass" in tags:
        determiner = dice.draw(MASS_WORDS)
    elif number == PLURAL:
        determiner = dice.draw(PLURAL_WORDS)
    else:
        determiner = dice.draw(FIXTURE_WORDS if fixture else SINGULAR_WORDS)
    qualities = () if "kin" in tags else described(dice, noun)
    gender = dice.one("mf") if noun.gender == "c" else ""
    return NP(noun, number, determiner, qualities, owner, gender=gender)


def described(dice: Dice, noun: Noun, share: float = 0.3) -> tuple[str, ...]:
    """With probability `share` an adjective or, rarely, two in their usual order."""
    pool = adjectives(noun.tags) if dice.chance(share) else None
    if not pool:
        return ()
    chosen = dict(dice.draw(pool) for _ in range(2 if dice.chance(0.25) else 1))
    return tuple(chosen[rank] for rank in sorted(chosen))


def generic(dice: Dice, verb: Verb) -> NP | None:
    """A generic object: apples, bread."""
    if not verb.objects:
        return None
    noun = dice.draw(nouns(verb.objects))
    return NP(noun, SINGULAR if "mass" in noun.tags else PLURAL, "")


def attachment(dice: Dice, noun: Noun) -> PP | None:
    """A phrase that identifies the referent: near the river, with the red hat."""
    if "human" in noun.tags and dice.chance(0.5):
        return PP("with", thing(dice, dice.draw(nouns("clothing container pet"))))
    if noun.tags & {"place", "event"}:
        return PP("near", thing(dice, dice.draw(nouns("waters building"))))
    if noun.tags & {"animate", "thing", "plant"}:
        place = dice.draw(nouns("building trees seat furniture part"))
        return PP(dice.one(("near", "behind", "next to")), thing(dice, place))
    return None


def locative(preposition: str, noun: Noun) -> str:
    """A preposition; `LOC` (in or on) and `through` depend on the place."""
    on = noun.tags & {"on", "surface", "seat", "floor", "carpet"}
    choices = {"LOC": "on" if on else "in", "through": "across" if on else "through"}
    return choices.get(preposition, preposition)


def spot(dice: Dice, but: PP | None = None) -> PP:
    """A place where a small thing can be, different from a given one."""
    noun = dice.draw(nouns("surface seat container room"))
    if but and but.np.noun is noun:
        return spot(dice, but)
    preposition = dice.one(("under", "on")) if "furniture" in noun.tags else locative("LOC", noun)
    return PP(preposition, NP(noun))

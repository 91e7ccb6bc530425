"""Random structures: noun phrases and clauses whose words fit each other.

A verb chooses its subject, its object and its companions by their tags, a noun its adjectives, a
form of the verb its times; so the words of a sentence can be guessed from one another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from amlm.data.grammar import lexicon
from amlm.data.grammar.syntax import (
    NP,
    PASSIVE,
    PLURAL,
    PP,
    SHORT_PASSIVE,
    SINGULAR,
    Clause,
    Embedded,
    Phrase,
    pronoun,
    reflexive,
)
from amlm.data.grammar.words import (
    BE,
    NAMES,
    VERB,
    VERBS,
    Dice,
    Noun,
    Pool,
    Verb,
    adjectives,
    make_noun,
    nouns,
    verbs,
)

HUMAN = frozenset({"human"})
OWNABLE = frozenset(
    [
        "thing",
        "pet",
        "dog",
        "cat",
        "toy",
        "text",
        "clothing",
        "vehicle",
        "tool",
        "plan",
        "dream",
        "idea",
    ]
)
_SPEAKER = make_noun("speaker", "human animate")
I, YOU, WE = (
    NP(_SPEAKER, number, person=person, said="pronoun")
    for person, number in ((1, SINGULAR), (2, SINGULAR), (1, PLURAL))
)
IT, THERE = (NP(make_noun(word, "thing"), determiner="") for word in ("it", "there"))

SINGULAR_WORDS = Pool(["the", "a", "this", "that", "another"], [50, 35, 7, 6, 2])
PLURAL_WORDS = Pool(
    ["the", "", "some", "these", "those", "two", "three", "four", "five", "six", "many", "several",
     "a few"],
    [48, 8, 10, 6, 5, 6, 4, 2, 1, 1, 4, 3, 3],
)  # fmt: skip
MASS_WORDS = Pool(["the", "some", ""], [5, 4, 3])
PLACE_WORDS = Pool(["the", "a", "that", "this"], [80, 14, 3, 3])

# Tense, perfect, progressive.
Form: TypeAlias = tuple[str, bool, bool]
THEN: Form = ("past", False, False)
NOW: Form = ("present", False, False)
GOING_ON: Form = ("present", False, True)
DONE: Form = ("present", True, False)
WAS_GOING_ON: Form = ("past", False, True)
HAD_DONE: Form = ("past", True, False)
TO, ING, BASE, WILL, CAN, MUST, SHOULD, COULD, MAY, MIGHT, WOULD = (
    (word, False, False)
    for word in (
        "to",
        "ing",
        "base",
        "will",
        "can",
        "must",
        "should",
        "could",
        "may",
        "might",
        "would",
    )
)
FORMS: Pool[Form] = Pool(
    [THEN, NOW, GOING_ON, WILL, WAS_GOING_ON, DONE, CAN, HAD_DONE, MUST, SHOULD, COULD, MAY, MIGHT],
    [42, 18, 11, 6, 5, 5, 4, 2, 2, 2, 1, 1, 1],
)
STATE_FORMS: Pool[Form] = Pool([THEN, NOW], [2, 3])
ASIDE_FORMS: Pool[Form] = Pool([THEN, WAS_GOING_ON, HAD_DONE], [8, 1, 1])
TIMES = {kind: Pool([" ".join(time.split()) for time in times.split(",")])
         for kind, times in lexicon.TIMES.items()}  # fmt: skip
FREQUENCY = lexicon.FREQUENCY.split()
MANNER = lexicon.MANNER.split()
VERB_POOL = Pool(VERBS, flat=12.0)
HUMAN_VERBS = Pool([v for v in VERBS if "human" in v.subjects], flat=12.0)
MOODS = {
    mood: [VERB[deed.replace("_", " ")] for deed in deeds]
    for mood, deeds in lexicon.table(lexicon.REACTIONS).items()
}


# --- noun phrases -------------------------------------------------------------------------------


def name(dice: Dice) -> NP:
    return NP(dice.draw(NAMES), determiner="")


def somebody(dice: Dice) -> NP:
    """A person to tell about: no `I` or `you`."""
    return name(dice) if dice.chance(0.6) else thing(dice, dice.draw(nouns("male female")), 1)


def thing(
    dice: Dice, noun: Noun, depth: int = 0, possessor: NP | None = None, number: str = ""
) -> NP:
    """A noun phrase around a noun; relatives and attachments only at depth 0.

    `possessor` owns what cannot but be owned (a nose, an aunt) and now and then other things.
    """
    if "name" in noun.tags:
        return NP(noun, determiner="")
    tags, owner, determiner = noun.tags, None, ""
    gender = dice.one("mf") if noun.gender == "c" else ""
    fixed = bool(tags & {"place", "furniture", "part", "floor", "parent"})
    plural = not tags & {"mass", "parent"} and dice.chance(0.08 if fixed else 0.28)
    number = number or (PLURAL if plural else SINGULAR)
    if tags & {"body", "kin"} or (tags & OWNABLE and dice.chance(0.1)):
        near = possessor and ("human" in possessor.noun.tags or "body" in tags)
        owner = pronoun(possessor) if possessor and near and dice.chance(0.9) else None
        owner = owner or (name(dice) if dice.chance(0.5) else dice.one((I, YOU, WE)))
    elif "mass" in tags:
        determiner = dice.draw(MASS_WORDS)
    elif number == PLURAL:
        determiner = dice.draw(PLURAL_WORDS)
    else:
        determiner = dice.draw(PLACE_WORDS if fixed else SINGULAR_WORDS)
    kin = "kin" in tags
    np = NP(noun, number, determiner, () if kin else described(dice, noun), owner, gender=gender)
    if depth or owner or not dice.chance(0.13):
        return np
    extra = attachment(dice, noun) if dice.chance(0.4) else relative(dice, np)
    return replace(np, after=(extra,)) if extra else np


def described(dice: Dice, noun: Noun, share: float = 0.3) -> tuple[str, ...]:
    """No, one or (seldom) two adjectives in their usual order."""
    pool = adjectives(noun.tags) if dice.chance(share) else None
    if not pool:
        return ()
    chosen = dict(dice.draw(pool) for _ in range(2 if dice.chance(0.25) else 1))
    return tuple(chosen[rank] for rank in sorted(chosen))


def attachment(dice: Dice, noun: Noun) -> PP | None:
    """A phrase that says which one: near the river, with the red hat."""
    if "human" in noun.tags and dice.chance(0.5):
        return PP("with", thing(dice, dice.draw(nouns("clothing container pet")), 1))
    if "place" in noun.tags or "event" in noun.tags:
        return PP("near", thing(dice, dice.draw(nouns("waters building")), 1))
    if noun.tags & {"animate", "thing", "plant"}:
        where = dice.one(("near", "behind", "next to"))
        return PP(where, thing(dice, dice.draw(nouns("building trees seat furniture part")), 1))
    return None


def relative(dice: Dice, np: NP) -> Embedded | None:
    """A relative clause that fits its head: who sings, that the girl found."""
    human = "human" in np.noun.tags
    head = replace(np, adjectives=(), after=())
    own = verbs(np.noun.tags)
    if own and dice.chance(0.5):
        inner = core(dice, head, dice.draw(own), form=dice.draw(ASIDE_FORMS))
        word = dice.one(("who", "who", "that") if human else ("that", "which"))
        return Embedded(word, inner, "subject")
    taken = verbs(HUMAN, np.noun.tags)
    if not taken:
        return None
    inner = core(dice, actor(dice, plain=True), dice.draw(taken), head, dice.draw(ASIDE_FORMS))
    return Embedded(
        dice.one(("that", "", "who") if human else ("that", "which", "")), inner, "object"
    )


def actor(dice: Dice, tags: frozenset[str] = HUMAN, plain: bool = False) -> NP:
    """A subject with one of the tags: people often by name or pronoun."""
    if "human" in tags and dice.chance(0.6):
        kind = dice.random()
        if kind < 0.28:
            return (
                dice.one((I, YOU, WE))
                if kind < 0.12
                else pronoun(thing(dice, dice.draw(PEOPLE), 1))
            )
        first = name(dice)
        other = name(dice)
        joins = kind > 0.93 and other.noun is not first.noun
        return replace(first, joined=other) if joins else first
    return thing(dice, dice.draw(nouns(" ".join(sorted(tags)))), 1 if plain else 0)


PEOPLE = nouns("male female")


# --- clauses ------------------------------------------------------------------------------------


def locative(preposition: str, noun: Noun) -> str:
    """`LOC` as the preposition that the place takes."""
    if preposition != "LOC":
        return preposition
    return "on" if noun.tags & {"on", "surface", "seat", "floor", "carpet"} else "in"


def spot(dice: Dice, but: PP | None = None) -> PP:
    """Where a small thing can lie, other than in one place."""
    noun = dice.draw(nouns("surface seat container room"))
    if but and but.np.noun is noun:
        return spot(dice, but)
    preposition = dice.one(("under", "on")) if "furniture" in noun.tags else locative("LOC", noun)
    return PP(preposition, NP(noun))


def companion(dice: Dice, verb: Verb, subject: NP) -> PP | str | None:
    """A place, tool, recipient ... that goes with the verb."""
    preposition, tags = dice.one(verb.companions)
    if preposition == "ADV":
        return dice.one(tags.split())
    noun = dice.draw(nouns(tags))
    if noun is subject.noun:
        return None
    single = preposition == "with" and "animate" not in noun.tags
    beside = thing(dice, noun, 1, subject, SINGULAR if single else "")
    return PP(locative(preposition, noun), beside)


def object_of(dice: Dice, verb: Verb, subject: NP, plain: bool = False) -> NP | None:
    """Something that the verb is done to, other than its subject."""
    if not verb.objects:
        return None
    if "~" in verb.marks and "human" in subject.noun.tags and dice.chance(0.15):
        return reflexive(subject)
    pool = nouns(" ".join(sorted(verb.objects)), names="human" in verb.objects and dice.chance(0.4))
    noun = dice.draw(pool)
    while noun is subject.noun or (subject.joined and noun is subject.joined.noun):
        noun = dice.draw(pool)
    np = thing(dice, noun, 1 if plain else 0, subject)
    free = not plain and np.gender == "" and noun.gender != "c"
    return pronoun(np) if free and dice.chance(0.06) else np


def generic(dice: Dice, act: Verb) -> NP | None:
    """What the verb is done to in general: apples, bread."""
    if not act.objects:
        return None
    noun = dice.draw(nouns(" ".join(sorted(act.objects))))
    return NP(noun, SINGULAR if "mass" in noun.tags else PLURAL, "")


def with_any(np: NP | None) -> NP | None:
    """What negation and questions make of `some`."""
    return replace(np, determiner="any") if np and np.determiner in ("some", "several") else np


def core(
    dice: Dice,
    subject: NP | None = None,
    verb: Verb | None = None,
    obj: NP | None = None,
    form: Form | None = None,
    *,
    plain: bool = True,
) -> Clause:
    """A short affirmative clause around what is given; without `plain`, its phrases can be long."""
    if verb is None:
        pool = verbs(subject.noun.tags) if subject else dice.one((VERB_POOL, HUMAN_VERBS))
        assert pool, "a subject without verbs"
        verb = dice.draw(pool)
    subject = subject or actor(dice, verb.subjects, plain)
    obj = obj or object_of(dice, verb, subject, plain or verb.needs_companion)
    tense, perfect, progressive = form or dice.draw(STATE_FORMS if "=" in verb.marks else FORMS)
    companions: list[Phrase] = []
    wanted = dice.chance(0.2 if plain else 0.5) and not (obj and obj.after)
    while verb.companions and (verb.needs_companion or wanted) and not companions:
        beside = companion(dice, verb, subject)
        companions += [beside] if beside else []
    return Clause(
        subject,
        verb,
        obj,
        tuple(companions),
        tense,
        perfect,
        progressive and not set("=.") & set(verb.marks),
        contracted=subject.said == "pronoun" and dice.chance(0.5),
        recipient_first=">" in verb.marks and dice.chance(0.5),
    )


def clause(
    dice: Dice, subject: NP | None = None, verb: Verb | None = None, obj: NP | None = None
) -> Clause:
    """A clause with negation, voice, adverbs and times as they come."""
    made = core(dice, subject, verb, obj, plain=False)
    if dice.chance(0.13):
        made = negated(dice, made)
    if passivable(made) and dice.chance(0.15):
        return passive(dice, made)
    return accompanied(dice, made)


def negated(dice: Dice, made: Clause) -> Clause:
    return replace(made, negated=True, contracted=dice.chance(0.6), obj=with_any(made.obj))


def passive(dice: Dice, made: Clause) -> Clause:
    said = made.subject.said == "full" and dice.chance(0.5)
    clitic = made.negated and made.contracted
    return replace(made, voice=PASSIVE if said else SHORT_PASSIVE, contracted=clitic)


def accompanied(dice: Dice, made: Clause) -> Clause:
    """A clause with an adverb, a fronted place or a time, or as it was."""
    chance, marks, times = dice.random(), made.verb.marks, times_of(made)
    usual = times in ("past", "present") or "=" in marks
    by_hand = made.obj and "human" in made.subject.noun.tags and not made.verb.particle
    if chance < 0.07 and by_hand and "=" not in marks:
        manner = dice.one(MANNER)
        if made.negated or dice.chance(0.5):
            return replace(made, companions=(*made.companions, manner))
        return replace(made, adverb=manner)
    if chance < 0.15 and usual and not made.negated:
        return replace(made, adverb=dice.one(FREQUENCY))
    if chance < 0.2 and made.companions and not made.verb.needs_companion:
        *rest, place = made.companions
        if isinstance(place, PP) and place.preposition in ("in", "on", "near", "under", "behind"):
            return replace(made, companions=tuple(rest), when=place, fronted=True)
    if chance < 0.42 and times:
        # After a relative clause a time would belong to that.
        first = bool(made.obj and made.obj.after) or dice.chance(0.35)
        return replace(made, when=dice.draw(TIMES[times]), fronted=first)
    if times == "perfect" and not made.negated and chance < 0.7:
        return replace(made, adverb=dice.one(("already", "just", "never")))
    return made


def times_of(made: Clause) -> str:
    """The key of the times that go with the form, "" for none."""
    if "=" in made.verb.marks or made.tense in ("can", "could") or made.perfect:
        return "perfect" if made.perfect and made.tense == "present" else ""
    if made.tense == "past":
        return "" if made.progressive else "past"
    if made.tense == "present":
        return "now" if made.progressive else "present"
    return "future"


def passivable(made: Clause) -> bool:
    """Whether the clause has a good passive."""
    odd = made.subject.joined or made.recipient_first or made.perfect or owning(made)
    return bool(made.obj and not odd and not set("^=") & set(made.verb.marks))


def owning(made: Clause) -> bool:
    """Whether something after the verb may be the subject's, or is a pronoun."""
    beside = [made.obj, *(item.np for item in made.companions if isinstance(item, PP))]
    return any(np and (np.owner or np.said != "full") for np in beside)


def being(subject: NP, *complement: Phrase, tense: str = "past") -> Clause:
    """The subject is so."""
    return Clause(subject, BE, companions=complement, tense=tense)

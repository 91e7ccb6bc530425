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
    ADJECTIVE_RANK,
    BE,
    NAMES,
    VERBS,
    Dice,
    Noun,
    Pool,
    Verb,
    adjectives,
    make_noun,
    nouns,
    verb,
    verbs,
)

HUMAN = frozenset({"human"})
OWNABLE = frozenset(["thing", "pet", "dog", "cat", "toy", "text", "clothing", "vehicle", "tool", "plan", "dream", "idea"])
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

# Tense, perfect, progressive, and the key of its times in the lexicon.
Form: TypeAlias = tuple[str, bool, bool, str]
FORMS: Pool[Form] = Pool(
    [("past", False, False, "past"), ("present", False, False, "present"),
     ("present", False, True, "now"), ("will", False, False, "future"),
     ("past", False, True, ""), ("present", True, False, "perfect"), ("can", False, False, ""),
     ("past", True, False, ""), ("must", False, False, "future"),
     ("should", False, False, "future"), ("could", False, False, ""),
     ("may", False, False, "future"), ("might", False, False, "future")],
    [42, 18, 11, 6, 5, 5, 4, 2, 2, 2, 1, 1, 1],
)  # fmt: skip
STATE_FORMS: Pool[Form] = Pool(
    [("past", False, False, "state"), ("present", False, False, "state")], [2, 3]
)  # for what is not done but lasts: know, like, have
ASIDE_FORMS = Pool([form for form in FORMS.items if form[0] == "past"], [8, 1, 1])
TIMES = {kind: Pool([" ".join(time.split()) for time in times.split(",")])
         for kind, times in lexicon.TIMES.items()}  # fmt: skip
FREQUENCY = lexicon.FREQUENCY.split()
MANNER = lexicon.MANNER.split()
VERB_POOL = Pool(VERBS, flat=12.0)
HUMAN_VERBS = Pool([v for v in VERBS if "human" in v.subjects], flat=12.0)
NOW: Form = ("present", False, False, "")
THEN: Form = ("past", False, False, "")
MOODS = {mood: [verb(v.replace("_", " ")) for v in deeds.split()]
         for mood, _, deeds in (row.strip().partition(":")
                                for row in lexicon.REACTIONS.split("|"))}  # fmt: skip


# --- noun phrases -------------------------------------------------------------------------------


def name(dice: Dice) -> NP:
    return NP(dice.draw(NAMES), determiner="")


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
    chosen = {ADJECTIVE_RANK[word]: word for _ in "12"[: 1 + dice.chance(0.25)]
              for word in [dice.draw(pool)]}  # fmt: skip
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
        inner = clause(dice, head, dice.draw(own), plain=True)
        word = dice.one(("who", "who", "that") if human else ("that", "which"))
        return Embedded(word, inner, "subject")
    taken = verbs(HUMAN, np.noun.tags)
    if not taken:
        return None
    inner = clause(dice, actor(dice, plain=True), dice.draw(taken), head, plain=True)
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


def clause(
    dice: Dice,
    subject: NP | None = None,
    verb: Verb | None = None,
    obj: NP | None = None,
    *,
    form: Form | None = None,
    plain: bool = False,
    bare: bool = False,
) -> Clause:
    """A clause around what is given.

    `plain` is for clauses within clauses: short and, unless a form is given, in the past; `bare`
    is affirmative and leaves adverbs and times to the caller.
    """
    if verb is None:
        pool = verbs(subject.noun.tags) if subject else dice.one((VERB_POOL, HUMAN_VERBS))
        assert pool, "a subject without verbs"
        verb = dice.draw(pool)
    subject = subject or actor(dice, verb.subjects, plain)
    obj = obj or object_of(dice, verb, subject, plain or verb.needs_companion)
    form = form or dice.draw(STATE_FORMS if "=" in verb.marks else ASIDE_FORMS if plain else FORMS)
    tense, perfect, progressive, times = form
    if progressive and "." in verb.marks:
        tense, progressive, times = "past", False, "past"
    companions: list[Phrase] = []
    wanted = dice.chance(0.2 if plain else 0.5) and not (obj and obj.after)
    while verb.companions and (verb.needs_companion or wanted) and not companions:
        beside = companion(dice, verb, subject)
        companions += [beside] if beside else []
    first = ">" in verb.marks and bool(companions) and dice.chance(0.5)
    made = Clause(subject, verb, obj, tuple(companions), tense, perfect, progressive,
                  recipient_first=first)  # fmt: skip
    return made if bare else dressed(dice, made, times, plain)


def dressed(dice: Dice, made: Clause, times: str, plain: bool) -> Clause:
    """A clause with negation, voice, adverbs and time added by chance."""
    subject, obj, marks = made.subject, made.obj, made.verb.marks
    human = "human" in subject.noun.tags
    if dice.chance(0.04 if plain else 0.13):
        made = replace(made, negated=True, contracted=dice.chance(0.6), obj=with_any(obj))
    elif subject.said == "pronoun":
        made = replace(made, contracted=dice.chance(0.5))
    if plain:
        return made
    chance = dice.random()
    if passivable(made) and dice.chance(0.15):
        voice = PASSIVE if subject.said == "full" and dice.chance(0.5) else SHORT_PASSIVE
        made = replace(made, voice=voice, contracted=made.negated and made.contracted)
    elif chance < 0.07 and obj and human and "=" not in marks:
        manner = dice.one(MANNER)
        if made.negated or dice.chance(0.5):
            return replace(made, companions=(*made.companions, manner))
        return replace(made, adverb=manner)
    if chance < 0.15 and times in ("past", "present", "state") and not made.negated:
        return replace(made, adverb=dice.one(FREQUENCY))
    if chance < 0.2 and made.companions and not made.verb.needs_companion:
        *rest, place = made.companions
        if isinstance(place, PP) and place.preposition in ("in", "on", "near", "under", "behind"):
            return replace(made, companions=tuple(rest), when=place, fronted=True)
    if chance < 0.42 and times in TIMES:
        return replace(made, when=dice.draw(TIMES[times]), fronted=dice.chance(0.35))
    if times == "perfect" and not made.negated and chance < 0.7:
        return replace(made, adverb=dice.one(("already", "just", "never")))
    return made


def passivable(made: Clause) -> bool:
    """Whether the clause has a good passive."""
    obj, subject = made.obj, made.subject
    return (
        obj is not None
        and obj.said == "full"
        and not (obj.owner or subject.joined or made.recipient_first or made.perfect)
        and not any(isinstance(beside, PP) and beside.np.owner for beside in made.companions)
        and not set("^=") & set(made.verb.marks)
    )


def being(subject: NP, *complement: Phrase, tense: str = "past") -> Clause:
    """The subject is so."""
    return Clause(subject, BE, companions=complement, tense=tense)

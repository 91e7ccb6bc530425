"""Random clauses with compatible words.

A verb selects its subject, object and companions by their tags, and a verb form selects its time
expressions, so that the words of a sentence can be predicted from each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from amlm.sample import lexicon, verb_lexicon
from amlm.sample.phrases import ME, US, YOU, attachment, locative, name, thing, two_names
from amlm.sample.structures import (
    NP,
    PASSIVE,
    PP,
    SHORT_PASSIVE,
    SINGULAR,
    Clause,
    Embedded,
    Phrase,
    pronoun,
    reflexive,
)
from amlm.sample.words import VERB, VERBS, Dice, Pool, Verb, nouns, verbs

Form: TypeAlias = tuple[str, bool, bool]  # tense, perfect, progressive
THEN: Form = ("past", False, False)
NOW: Form = ("present", False, False)
GOING_ON: Form = ("present", False, True)
DONE: Form = ("present", True, False)
WAS_GOING_ON: Form = ("past", False, True)
HAD_DONE: Form = ("past", True, False)
WILL: Form = ("will", False, False)
CAN: Form = ("can", False, False)
FORMS: Pool[Form] = Pool(
    [THEN, NOW, GOING_ON, WILL, WAS_GOING_ON, DONE, CAN, HAD_DONE]
    + [(modal, False, False) for modal in ("must", "should", "could", "may", "might")],
    [42, 18, 11, 6, 5, 5, 4, 2, 2, 2, 1, 1, 1],
)
STATE_FORMS: Pool[Form] = Pool([THEN, NOW], [2, 3])
RELATIVE_FORMS: Pool[Form] = Pool([THEN, WAS_GOING_ON, HAD_DONE], [8, 1, 1])
TIMES = {
    key: Pool([" ".join(time.split()) for time in times.split(",")])
    for key, times in lexicon.TIMES.items()
}
FREQUENCY, MANNER = lexicon.FREQUENCY.split(), lexicon.MANNER.split()
HUMAN = frozenset({"human"})
HUMAN_VERB = Pool([v for v in VERBS if "human" in v.subjects], flat=12.0)
OTHER_VERB = Pool([v for v in VERBS if "human" not in v.subjects], flat=12.0)
ANY_VERB = Pool([HUMAN_VERB, OTHER_VERB], [80, 20])
# Verbs for sequences of actions (no states); for wishes and requests; with an object; and with
# human subject and object whose roles can be swapped.
DEEDS = Pool([v for v in HUMAN_VERB.items if "=" not in v.marks], flat=12.0)
WISHES = Pool([v for v in DEEDS.items if v.base not in verb_lexicon.ACCIDENTS.split()], flat=12.0)
DOING = Pool([v for v in HUMAN_VERB.items if v.objects], flat=12.0)
MUTUAL = Pool([v for v in DOING.items if "human" in v.objects and v.base != "meet"], flat=12.0)
# Feelings and the actions they lead to.
MOODS = {
    mood: [VERB[deed.replace("_", " ")] for deed in deeds]
    for mood, deeds in lexicon.table(verb_lexicon.REACTIONS).items()
}
MOOD = list(MOODS)


# --- building blocks ----------------------------------------------------------------------------


def actor(dice: Dice, tags: frozenset[str] = HUMAN) -> NP:
    """A subject with one of the tags; people are often a name or a pronoun."""
    kind = dice.random() if "human" in tags else 1.0
    if kind < 0.07:
        return dice.one((ME, YOU, US))
    if kind < 0.16:
        return pronoun(thing(dice, dice.draw(nouns("male female"))))
    if kind < 0.2:
        first, second = two_names(dice)
        return replace(first, joined=second)
    return name(dice) if kind < 0.6 else thing(dice, dice.draw(nouns(tags)))


def companion(dice: Dice, verb: Verb, subject: NP) -> PP | str | None:
    """A place, tool, recipient ... that the verb allows."""
    preposition, tags = dice.one(verb.companions)
    if preposition == "ADV":
        return dice.one(tags.split())
    noun = dice.draw(nouns(tags))
    if noun is subject.noun:
        return None
    one = preposition == "with" and "animate" not in noun.tags
    return PP(locative(preposition, noun), thing(dice, noun, subject, SINGULAR if one else ""))


def object_of(dice: Dice, verb: Verb, subject: NP) -> NP | None:
    """An object of the verb that differs from its subject."""
    if not verb.objects:
        return None
    if "~" in verb.marks and "human" in subject.noun.tags and dice.chance(0.15):
        return reflexive(subject)
    pool = nouns(verb.objects, names="human" in verb.objects and dice.chance(0.4))
    noun = dice.draw(pool)
    while noun is subject.noun or (subject.joined and noun is subject.joined.noun):
        noun = dice.draw(pool)
    return thing(dice, noun, subject)


def modified(dice: Dice, np: NP) -> NP:
    """A noun phrase, sometimes with an attachment or a relative clause."""
    if np.said != "full" or np.owner or np.joined or "name" in np.noun.tags or dice.chance(0.87):
        return np
    after = attachment(dice, np.noun) if dice.chance(0.4) else relative(dice, np)
    return replace(np, after=(after,)) if after else np


def relative(dice: Dice, np: NP) -> Embedded | None:
    """A relative clause compatible with its head: who sang, that the girl found."""
    human = "human" in np.noun.tags
    head, form = replace(np, adjectives=(), after=()), dice.draw(RELATIVE_FORMS)
    having, taking = verbs(np.noun.tags), verbs(HUMAN, np.noun.tags)
    if having and dice.chance(0.5):
        word = dice.one(("who", "who", "that") if human else ("that", "which"))
        return Embedded(word, core(dice, head, dice.draw(having), form=form), "subject")
    if not taking:
        return None
    word = dice.one(("that", "", "who") if human else ("that", "which", ""))
    return Embedded(word, core(dice, actor(dice), dice.draw(taking), head, form), "object")


# --- clauses ------------------------------------------------------------------------------------


def core(
    dice: Dice,
    subject: NP | None = None,
    verb: Verb | None = None,
    obj: NP | None = None,
    form: Form | None = None,
    companions: float = 0.3,
) -> Clause:
    """A short affirmative clause with the given parts; `companions` is their probability."""
    if verb is None:
        pool = verbs(subject.noun.tags) if subject else dice.draw(ANY_VERB)
        assert pool, "a subject without verbs"
        verb = dice.draw(pool)
    subject = subject or actor(dice, verb.subjects)
    obj = obj or object_of(dice, verb, subject)
    tense, perfect, progressive = form or dice.draw(STATE_FORMS if "=" in verb.marks else FORMS)
    beside: Phrase | None = None
    wanted = bool(verb.companions) and (verb.needs_companion or dice.chance(companions))
    while wanted and beside is None:
        beside = companion(dice, verb, subject)
    return Clause(
        subject,
        verb,
        obj,
        (beside,) if beside else (),
        tense,
        perfect and not (tense == "past" and "=" in verb.marks),
        progressive and not set("=.") & set(verb.marks),
        contracted=subject.said == "pronoun" and dice.chance(0.5),
        recipient_first=">" in verb.marks and dice.chance(0.5),
    )


def clause(
    dice: Dice, subject: NP | None = None, verb: Verb | None = None, obj: NP | None = None
) -> Clause:
    """A clause with random long phrases, negation, voice, adverbs and times."""
    made = core(dice, subject, verb, obj, companions=0.5)
    made = replace(made, subject=modified(dice, made.subject))
    if made.obj and not made.companions:
        shorter = dice.chance(0.06) and not owning(made)
        made = replace(made, obj=pronoun(made.obj) if shorter else modified(dice, made.obj))
    if dice.chance(0.13):
        made = negated(dice, made)
    if passivable(made) and dice.chance(0.15):
        return passive(dice, made)
    return accompanied(dice, made)


def with_any(np: NP | None) -> NP | None:
    """Replaces `some` as negation and questions require."""
    return replace(np, determiner="any") if np and np.determiner in ("some", "several") else np


def negated(dice: Dice, made: Clause) -> Clause:
    return replace(made, negated=True, contracted=dice.chance(0.6), obj=with_any(made.obj))


def owning(made: Clause) -> bool:
    """Whether anything after the verb is a pronoun or has an owner, who could be the subject."""
    beside = [made.obj, *(item.np for item in made.companions if isinstance(item, PP))]
    return any(np and (np.owner or np.said != "full") for np in beside)


def passivable(made: Clause) -> bool:
    """Whether the clause has an acceptable passive."""
    awkward = made.subject.joined or made.recipient_first or made.perfect or owning(made)
    return bool(made.obj and not awkward and not set("^=") & set(made.verb.marks))


def passive(dice: Dice, made: Clause) -> Clause:
    agent = made.subject.said == "full" and dice.chance(0.5)
    contracted = made.negated and made.contracted
    return replace(made, voice=PASSIVE if agent else SHORT_PASSIVE, contracted=contracted)


def times_of(made: Clause) -> str:
    """The key of the time expressions that fit the clause, "" for none."""
    if "=" in made.verb.marks or made.tense in ("can", "could"):
        return ""
    if made.tense == "past":
        return "" if made.perfect or made.progressive else "past"
    if made.tense == "present":
        return "perfect" if made.perfect else "now" if made.progressive else "present"
    return "future"


def accompanied(dice: Dice, made: Clause) -> Clause:
    """The clause with an adverb, a fronted place, a time, or unchanged."""
    chance, times, state = dice.random(), times_of(made), "=" in made.verb.marks
    by_hand = made.obj and "human" in made.subject.noun.tags and not made.verb.particle
    if chance < 0.07 and by_hand and not state:
        manner = dice.one(MANNER)
        if made.negated or dice.chance(0.5):
            return replace(made, companions=(*made.companions, manner))
        return replace(made, adverb=manner)
    if chance < 0.15 and (state or times in ("past", "present")) and not made.negated:
        return replace(made, adverb=dice.one(FREQUENCY))
    place = made.companions[0] if made.companions and not made.verb.needs_companion else None
    if chance < 0.2 and isinstance(place, PP) and place.preposition in ("in", "on", "near"):
        return replace(made, companions=(), when=place, fronted=True)
    if chance < 0.42 and times:
        # After a relative clause, a time expression would attach to that clause.
        first = bool(made.obj and made.obj.after) or dice.chance(0.35)
        return replace(made, when=dice.draw(TIMES[times]), fronted=first)
    if chance < 0.7 and times == "perfect" and not made.negated:
        return replace(made, adverb=dice.one(("already", "just", "never")))
    return made

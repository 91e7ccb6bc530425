"""Dialogues: questions with matching answers."""

from __future__ import annotations

from dataclasses import replace

from amlm.sample.clauses import (
    CAN,
    DEEDS,
    GOING_ON,
    MOOD,
    MOODS,
    NOW,
    THEN,
    TIMES,
    WILL,
    Form,
    core,
    owning,
    with_any,
)
from amlm.sample.morphology import an
from amlm.sample.phrases import ME, YOU, name, somebody, spot, thing
from amlm.sample.remarks import NUMBERS
from amlm.sample.structures import NP, PLURAL, PP, SINGULAR, Clause, being, pronoun
from amlm.sample.syntax import (
    POSSESSIVE,
    SUBJECT,
    noun_phrase,
    phrase,
    question,
    say,
    sentence,
    short_answer,
    short_form,
    statement,
)
from amlm.sample.words import DO, NOUN, Dice, Pool, make_noun, nouns

WHO = NP(make_noun("who", "human"), determiner="")
ASKED: Pool[Form] = Pool([THEN, NOW, GOING_ON, WILL, CAN], [6, 2, 3, 2, 1])
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "pink", "purple", "gray")
GREETINGS = ("Good morning", "Hello", "Hi", "Good evening", "Good afternoon")


def asked(dice: Dice, form: Form | None = None) -> tuple[Clause, Clause]:
    """A clause to ask about, and the clause of its answer: `you` becomes ME, others pronouns."""
    who = YOU if dice.chance(0.35) else somebody(dice)
    made = core(dice, who, dice.draw(DEEDS), form=form or dice.draw(ASKED))
    if owning(made):
        return asked(dice, form)
    me = ME if who is YOU else pronoun(who)
    return made, replace(made, subject=me, contracted=True, recipient_first=False)


def yes_no(dice: Dice) -> list[str]:
    made, said = asked(dice)
    yes = dice.chance(0.5)
    answer = short_answer(said, yes)
    if yes and said.obj and dice.chance(0.3):
        answer += " " + sentence(replace(said, obj=pronoun(said.obj)))
    elif not yes and said.obj and dice.chance(0.6):
        other = core(dice, made.subject, made.verb, form=THEN)
        if other.obj and not owning(other) and other.obj.noun is not said.obj.noun:
            answer += " " + sentence(replace(said, obj=other.obj))
    return [question(replace(made, obj=with_any(made.obj))), answer]


def what(dice: Dice) -> list[str]:
    """Asks for the object."""
    made, said = asked(dice)
    if not said.obj:
        return doing(dice)
    word = "who" if "human" in said.obj.noun.tags else "what"
    short = made.verb.needs_companion or dice.chance(0.4)
    answer = say(noun_phrase(said.obj)) if short else sentence(replace(said, companions=()))
    return [question(made, word, "object"), answer]


def who_did(dice: Dice) -> list[str]:
    made, _ = asked(dice)
    if made.subject is YOU:
        return who_did(dice)
    who, auxiliary = noun_phrase(made.subject, SUBJECT), short_form(made, yes=True)[1]
    answer = f"{who} {auxiliary}"
    if made.tense == "past":
        answer = dice.one((answer, f"it was {who}", who))
    return [say(statement(replace(made, subject=WHO)), "?"), say(answer)]


def where(dice: Dice) -> list[str]:
    """Asks for the place of an action or of a thing."""
    made, said = asked(dice)
    place = next(iter(said.companions), None)
    places = ("in", "on", "under", "behind", "near", "to")
    if not isinstance(place, PP) or place.preposition not in places:
        return where_is(dice) if dice.chance(0.1) else where(dice)
    if "human" in place.np.noun.tags:
        return where(dice)
    full = sentence(replace(said, obj=said.obj and pronoun(said.obj)))
    answer = full if dice.chance(0.6) else say(phrase(place))
    return [question(replace(made, companions=()), "where"), answer]


def where_is(dice: Dice) -> list[str]:
    np = thing(dice, dice.draw(nouns("clothing toy treasure tool text pet")), number=SINGULAR)
    np = replace(np, adjectives=(), owner=dice.one((ME, name(dice))))
    place = spot(dice)
    full = sentence(replace(being(pronoun(np), place, tense="present"), contracted=True))
    answer = full if dice.chance(0.7) else say(phrase(place))
    return [question(being(np, tense="present"), "where"), answer]


def when(dice: Dice) -> list[str]:
    made, said = asked(dice, THEN if dice.chance(0.7) else WILL)
    time = dice.draw(TIMES["past" if made.tense == "past" else "future"])
    full = replace(said, when=time, companions=(), obj=said.obj and pronoun(said.obj))
    short = made.verb.needs_companion or dice.chance(0.5)
    return [question(made, "when"), say(time) if short else sentence(full)]


def why(dice: Dice) -> list[str]:
    """Asks for the reason of an action: a feeling."""
    who, mood = YOU if dice.chance(0.3) else somebody(dice), dice.one(MOOD)
    deed = core(dice, who, dice.one(MOODS[mood]), form=dice.one((GOING_ON, THEN)))
    me = ME if who is YOU else pronoun(who)
    state = being(me, dice.one(("", "", "very", "so")), mood, tense=deed.tense)
    text = statement(replace(state, contracted=dice.chance(0.5)))
    return [question(deed, "why"), say(f"because {text}" if dice.chance(0.5) else text)]


def how_many(dice: Dice) -> list[str]:
    made, said = asked(dice)
    if not said.obj or "mass" in said.obj.noun.tags:
        return how_many_are(dice)
    number = dice.one(range(1, 10))
    few = NP(said.obj.noun, SINGULAR if number == 1 else PLURAL, NUMBERS[number])
    short = made.verb.needs_companion or dice.chance(0.5)
    full = sentence(replace(said, obj=few, companions=()))
    asking = question(made, f"how many {said.obj.noun.plural}", "object")
    return [asking, say(NUMBERS[number]) if short else full]


def how_many_are(dice: Dice) -> list[str]:
    noun, number = (
        dice.draw(nouns("bird livestock fruit toy tool")),
        NUMBERS[dice.one(range(2, 10))],
    )
    place = phrase(PP("in", NP(NOUN["field"])) if "animal" in noun.tags else spot(dice))
    full = f"There are {number} {noun.plural} {place}."
    answer = dice.one((f"There are {number}.", say(number), full))
    return [f"How many {noun.plural} are {place}?", answer]


def whose(dice: Dice) -> list[str]:
    noun, many = dice.draw(nouns("clothing toy vehicle text pet")), dice.chance(0.3)
    np = NP(noun, PLURAL if many else SINGULAR)
    owner = name(dice)
    if dice.chance(0.4):
        owner = NP(dice.draw(nouns("kin")), owner=dice.one((ME, YOU)))
    form = noun.plural if many else noun.lemma
    whole = f"{noun_phrase(owner, POSSESSIVE)}{dice.one(('', f' {form}'))}"
    answer = replace(being(pronoun(np), whole, tense="present"), contracted=True)
    return [f"Whose {form} {'are these' if many else 'is this'}?", sentence(answer)]


def color(dice: Dice) -> list[str]:
    noun = dice.draw(nouns("clothing vehicle toy container flower cup"))
    hue, other, one = dice.one(COLORS), dice.one(COLORS), "one"
    if dice.chance(0.3) and hue != other:
        choice = f"Which {noun.lemma} do you want, the {hue} {one} or the {other} {one}?"
        return [choice, f"The {dice.one((hue, other))} {one}, please."]
    np = replace(thing(dice, noun, number=SINGULAR), determiner="this", adjectives=())
    np = replace(np, owner=name(dice) if dice.chance(0.5) else None)
    answer = replace(being(pronoun(np), hue, tense="present"), contracted=dice.chance(0.5))
    return [question(being(np, tense="present"), "what color"), sentence(answer)]


def doing(dice: Dice) -> list[str]:
    made, said = asked(dice, GOING_ON)
    if not made.progressive:
        return doing(dice)
    return [question(replace(made, verb=DO, obj=None, companions=()), "what"), sentence(said)]


def offer(dice: Dice) -> list[str]:
    noun, other = dice.draw(nouns("food drink")), dice.draw(nouns("food drink"))
    if noun is other:
        return offer(dice)
    offered, wanted = (
        f"some {n.lemma}" if "mass" in n.tags else an(n.lemma) for n in (noun, other)
    )
    state = "thirsty" if "drink" in noun.tags else "hungry"
    answers = (
        "Yes, please.",
        "Yes, please. Thank you.",
        f"No, thank you. I want {wanted}.",
        f"No, thank you. Can I have {wanted}?",
        f"No, I am not {state}.",
    )
    return [f"{dice.one(('Would you like', 'Do you want'))} {offered}?", dice.one(answers)]


def greeting(dice: Dice) -> list[str]:
    mood = dice.one(MOOD)
    answers = (
        f"I'm fine, thank you, {name(dice).noun.lemma}.",
        f"I'm {mood}.",
        f"I'm a little {mood}.",
    )
    return [f"{dice.one(GREETINGS)}, {name(dice).noun.lemma}. How are you?", dice.one(answers)]


FAMILIES = Pool(
    [yes_no, what, who_did, where, when, why, how_many, whose, color, doing, offer, greeting],
    [24, 12, 9, 12, 7, 10, 6, 4, 4, 7, 3, 2],
)


def dialogue(dice: Dice) -> list[str]:
    """A question and its answer, one line each."""
    return dice.draw(FAMILIES)(dice)

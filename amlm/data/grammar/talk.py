"""Dialogues whose answers agree with their questions, and stories that keep track of who is who."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from amlm.data.grammar.lines import BY_LEMMA, DEEDS, NUMBERS, somebody
from amlm.data.grammar.scene import (
    HUMAN,
    MOODS,
    NOW,
    THEN,
    TIMES,
    YOU,
    Form,
    I,
    actor,
    being,
    clause,
    described,
    generic,
    locative,
    name,
    thing,
    with_any,
)
from amlm.data.grammar.syntax import (
    NP,
    PLURAL,
    PP,
    SINGULAR,
    SUBJECT,
    Clause,
    Embedded,
    noun_phrase,
    phrase,
    pronoun,
    question,
    say,
    sentence,
    short_form,
    statement,
)
from amlm.data.grammar.words import (
    HAVE,
    Dice,
    Pool,
    article,
    make_noun,
    make_verb,
    nouns,
    verb,
)

WHO = NP(make_noun("who", "human"), determiner="")
ASKED_FORMS: Pool[Form] = Pool(
    [THEN, NOW, ("present", False, True, ""), ("will", False, False, ""), ("can", False, False, "")],
    [6, 2, 3, 2, 1],
)
PLACES = ("in", "on", "under", "behind", "near", "to")
COLORS = "red blue green yellow white black brown pink purple gray".split()


# --- dialogues ----------------------------------------------------------------------------------


def asked_about(dice: Dice, form: Form | None = None) -> tuple[Clause, Clause]:
    """A clause to ask about, and the same as its answer says it: of you and me, or of a pronoun."""
    who = YOU if dice.chance(0.35) else somebody(dice)
    form = form or dice.draw(ASKED_FORMS)
    made = clause(dice, who, dice.draw(DEEDS), form=form, plain=True, bare=True)
    owned = any(isinstance(beside, PP) and beside.np.owner for beside in made.companions)
    if owned or (made.obj and (made.obj.said != "full" or made.obj.owner)):
        return asked_about(dice, form)
    me = I if who is YOU else pronoun(who)
    return made, replace(made, subject=me, contracted=True, recipient_first=False)


def yes_no(dice: Dice) -> list[str]:
    made, said = asked_about(dice)
    yes = dice.chance(0.5)
    subject, auxiliary = short_form(said, yes)
    answer = f"{'Yes' if yes else 'No'}, {subject} {auxiliary}."
    if yes and said.obj and dice.chance(0.3):
        answer += " " + sentence(replace(said, obj=pronoun(said.obj)))
    elif not yes and said.obj and dice.chance(0.6):
        other = clause(dice, made.subject, made.verb, form=THEN, plain=True, bare=True).obj
        if other and other.said == "full" and not other.owner and other.noun is not said.obj.noun:
            answer += " " + sentence(replace(said, obj=other))
    return [question(replace(made, obj=with_any(made.obj))), answer]


def what(dice: Dice) -> list[str]:
    made, said = asked_about(dice)
    if not said.obj:
        return doing(dice)
    word = "who" if "human" in said.obj.noun.tags else "what"
    asked = question(made, word, "object")
    full = sentence(replace(said, companions=()))
    needs = made.verb.needs_companion
    return [asked, full if dice.chance(0.6) and not needs else say(noun_phrase(said.obj))]


def who_did(dice: Dice) -> list[str]:
    made, _ = asked_about(dice)
    if made.subject is YOU:
        return who_did(dice)
    asked = say(statement(replace(made, subject=WHO)), "?")
    short = noun_phrase(made.subject, SUBJECT)
    auxiliary = short_form(made, yes=True)[1]
    return [asked, say(dice.one((f"{short} {auxiliary}", f"it was {short}", short)))
            if made.tense == "past" else say(f"{short} {auxiliary}")]  # fmt: skip


def where(dice: Dice) -> list[str]:
    made, said = asked_about(dice)
    place = next(iter(said.companions), None)
    if not isinstance(place, PP) or place.preposition not in PLACES or "human" in place.np.noun.tags:
        return where(dice)
    asked = question(replace(made, companions=()), "where")
    full = sentence(replace(said, obj=said.obj and pronoun(said.obj)))
    return [asked, full if dice.chance(0.6) else say(phrase(place))]


def where_is(dice: Dice) -> list[str]:
    """Where a thing is."""
    np = thing(dice, dice.draw(nouns("clothing toy treasure tool text pet")), 1, number=SINGULAR)
    np = replace(np, determiner="", owner=dice.one((I, name(dice))), adjectives=())
    place = spot(dice)
    there = being(pronoun(np), place, tense="present")
    return [question(being(np, tense="present"), "where"),
            sentence(replace(there, contracted=True)) if dice.chance(0.7) else say(phrase(place))]  # fmt: skip


def when(dice: Dice) -> list[str]:
    made, said = asked_about(dice, THEN if dice.chance(0.7) else ("will", False, False, ""))
    time = dice.draw(TIMES["past" if made.tense == "past" else "future"])
    full = replace(said, when=time, companions=(), obj=said.obj and pronoun(said.obj))
    short = dice.chance(0.5) or made.verb.needs_companion
    return [question(made, "when"), say(time) if short else sentence(full)]


def why(dice: Dice) -> list[str]:
    who, mood = YOU if dice.chance(0.3) else somebody(dice), dice.one(list(MOODS))
    form: Form = ("present", False, True, "") if dice.chance(0.5) else THEN
    deed = clause(dice, who, dice.one(MOODS[mood]), form=form, plain=True, bare=True)
    me = I if who is YOU else pronoun(who)
    state = being(me, dice.one(("", "", "very", "so")), mood, tense=deed.tense)
    state = replace(state, contracted=dice.chance(0.5))
    return [question(deed, "why"), say(dice.one(("because ", "")) + statement(state))]


def how_many(dice: Dice) -> list[str]:
    made, said = asked_about(dice)
    if not said.obj or "mass" in said.obj.noun.tags or said.obj.noun.plural == said.obj.noun.lemma:
        return count_question(dice)
    number = 1 + int(dice.random() * 9)
    few = NP(said.obj.noun, SINGULAR if number == 1 else PLURAL, NUMBERS[number])
    full = sentence(replace(said, obj=few, companions=()))
    short = dice.chance(0.5) or made.verb.needs_companion
    return [question(made, f"how many {said.obj.noun.plural}", "object"),
            say(NUMBERS[number]) if short else full]  # fmt: skip


def count_question(dice: Dice) -> list[str]:
    noun, number = dice.draw(nouns("bird livestock fruit toy tool")), 2 + int(dice.random() * 8)
    place = spot(dice) if "animal" not in noun.tags else PP("in", thing(dice, BY_LEMMA["field"], 1))
    return [say(f"how many {noun.plural} are {phrase(place)}", "?"),
            dice.one((f"There are {NUMBERS[number]}.", say(NUMBERS[number]),
                      f"There are {NUMBERS[number]} {noun.plural} {phrase(place)}."))]  # fmt: skip


def whose(dice: Dice) -> list[str]:
    noun = dice.draw(nouns("clothing toy vehicle text pet"))
    many = dice.chance(0.3)
    np = NP(noun, PLURAL if many else SINGULAR)
    owner = name(dice) if dice.chance(0.6) else NP(dice.draw(nouns("kin")), owner=dice.one((I, YOU)))
    this, form = ("these" if many else "this"), noun.plural if many else noun.lemma
    owned = f"{noun_phrase(owner, 2)}{dice.one(('', ' ' + form))}"
    answer = replace(being(pronoun(np), owned, tense="present"), contracted=True)
    return [f"Whose {form} {'are' if many else 'is'} {this}?", sentence(answer)]


def color(dice: Dice) -> list[str]:
    noun, hue = dice.draw(nouns("clothing vehicle toy container flower cup")), dice.one(COLORS)
    np = thing(dice, noun, 1)
    np = replace(np, determiner=dice.one(("the", "this")) if np.number == SINGULAR else "the",
                 adjectives=(), owner=np.owner if np.owner not in (I, YOU) else name(dice))  # fmt: skip
    answer = replace(being(pronoun(np), hue, tense="present"), contracted=dice.chance(0.5))
    if dice.chance(0.3):
        other = dice.one(COLORS)
        if other != hue:
            one = "one" if np.number == SINGULAR else "ones"
            return [f"Which {noun.lemma if one == 'one' else noun.plural} do you want, the {hue} "
                    f"{one} or the {other} {one}?", f"The {dice.one((hue, other))} {one}, please."]  # fmt: skip
    return [question(being(np, tense="present"), "what color"), sentence(answer)]


def doing(dice: Dice) -> list[str]:
    made, said = asked_about(dice, ("present", False, True, ""))
    if "." in made.verb.marks:
        return doing(dice)
    asked = replace(made, verb=make_verb("do/did/done"), obj=None, companions=())
    return [question(asked, "what"), sentence(said)]


def offer(dice: Dice) -> list[str]:
    noun, other = dice.draw(nouns("food drink")), dice.draw(nouns("food drink"))
    if noun is other:
        return offer(dice)
    some, want = (f"some {n.lemma}" if "mass" in n.tags else f"{article(n.lemma)} {n.lemma}"
                  for n in (noun, other))  # fmt: skip
    asked = dice.one(("would you like", "do you want"))
    return [say(f"{asked} {some}", "?"),
            dice.one(("Yes, please.", "Yes, please. Thank you.", f"No, thank you. I want {want}.",
                      f"No, thank you. Can I have {want}?", "No, I am not hungry."
                      if "food" in noun.tags else "No, I am not thirsty."))]  # fmt: skip


def greeting(dice: Dice) -> list[str]:
    first, mood = name(dice).noun.lemma, dice.one(list(MOODS))
    hello = dice.one(("Good morning", "Hello", "Hi", "Good evening", "Good afternoon"))
    return [f"{hello}, {first}. How are you?",
            dice.one((f"I'm fine, thank you, {name(dice).noun.lemma}.", f"I'm {mood}.",
                      f"I'm a little {mood} today."))]  # fmt: skip


DIALOGUES: Pool[Callable[[Dice], list[str]]] = Pool(
    [yes_no, what, who_did, where, where_is, when, why, how_many, whose, color, doing, offer, greeting],
    [24, 12, 9, 9, 5, 7, 10, 6, 4, 4, 7, 3, 2],
)


def dialogue(dice: Dice) -> list[str]:
    return dice.draw(DIALOGUES)(dice)


# --- stories ------------------------------------------------------------------------------------


def spot(dice: Dice, but: PP | None = None) -> PP:
    """Where a small thing can lie."""
    noun = dice.draw(nouns("surface seat container room"))
    preposition = dice.one(("under", "on")) if "furniture" in noun.tags else locative("LOC", noun)
    return spot(dice, but) if but and but.np.noun is noun else PP(preposition, NP(noun))


def quoted(text: str, who: NP) -> str:
    """Something said or asked by somebody: "..." asked Tom; "..." he said."""
    act = "asked" if text.endswith("?") else "said"
    speaker = noun_phrase(who, SUBJECT)
    return f'"{text}" {f"{act} {speaker}" if who.said == "full" else f"{speaker} {act}"}.'


def lost(dice: Dice) -> list[str]:
    who = name(dice)
    noun = dice.draw(nouns("clothing toy treasure tool text"))
    item = NP(noun, adjectives=described(dice, noun, 0.6), owner=pronoun(who))
    it, wrong = pronoun(item), spot(dice)
    right = spot(dice, wrong)
    he = noun_phrase(pronoun(who), SUBJECT)
    not_there = replace(being(it, "there"), negated=True, contracted=dice.chance(0.5))
    finder = NP(dice.draw(nouns("kin")), owner=pronoun(who), gender="f") if dice.chance(0.5) else pronoun(who)
    again = NP(noun)
    return [sentence(Clause(who, verb("lose"), item)),
            say(f"{he} looked for it {phrase(wrong)}, but {statement(not_there)}"),
            sentence(Clause(finder, verb("find"), it, (right,), when="then", fronted=True))
            if finder.said == "full" or dice.chance(0.5) else
            say(f"then {he} looked {phrase(right)}. {sentence(being(again, right))[:-1]}", "!"),
            sentence(being(pronoun(who), dice.one(("happy", "so happy", "very happy"))))]  # fmt: skip


def shopping(dice: Dice) -> list[str]:
    who, shop = name(dice), NP(dice.draw(nouns("store market")))
    first, second = dice.draw(nouns("clothing toy")), dice.draw(nouns("instrument machine book"))
    one, other = (NP(noun, determiner="a") for noun in (first, second))
    he = noun_phrase(pronoun(who), SUBJECT)
    return [sentence(Clause(who, verb("go"), None, (PP("to", shop),), when=dice.draw(TIMES["past"]),
                            fronted=dice.chance(0.5))),
            f"{say(he, '')} wanted to buy {noun_phrase(one)} and {noun_phrase(other)}.",
            f"The {first.lemma} was cheap, but the {second.lemma} was expensive.",
            say(f"{he} bought the {first.lemma}")]  # fmt: skip


def hungry_animal(dice: Dice) -> list[str]:
    who, noun = name(dice), dice.draw(nouns("dog cat pet bird livestock"))
    animal = NP(noun, determiner="a", adjectives=described(dice, noun))
    place = PP("in", NP(dice.draw(nouns("park garden yard street forest field")), determiner="the"))
    place = replace(place, preposition=locative("LOC", place.np.noun))
    food = NP(dice.draw(nouns("fruit vegetable baked snack")), determiner="a")
    again, the_food = replace(animal, determiner="the", adjectives=()), replace(food, determiner="the")
    need = [f"{dice.one(('The ' + noun.lemma, 'It'))} was hungry.",
            sentence(Clause(pronoun(who), verb("give"), food, (PP("to", pronoun(animal)),),
                            recipient_first=dice.chance(0.7))),
            sentence(Clause(again, verb("eat"), the_food if dice.chance(0.5) else pronoun(food)))]  # fmt: skip
    return [sentence(Clause(who, verb("see"), animal, (place,))), *need,
            dice.one(("It was not hungry any more.", "Then it was happy.",
                      f"Now the {noun.lemma} and {who.noun.lemma} are friends."))]  # fmt: skip


def moving(dice: Dice) -> list[str]:
    """What is where, after something was moved."""
    noun, other = dice.draw(nouns("toy treasure")), dice.draw(nouns("fruit tool pen"))
    box, bag = dice.draw(nouns("container")), dice.draw(nouns("container"))
    if box is bag:
        return moving(dice)
    here, there = PP("in", NP(box)), PP("in", NP(bag))
    who, one, two = name(dice), NP(noun), NP(other)
    both = replace(one, joined=two)
    return [sentence(being(one, here, tense="present")), sentence(being(two, there, tense="present")),
            say(f"{who.noun.lemma} moves the {noun.lemma} from the {box.lemma} to the {bag.lemma}"),
            dice.one((f"Now the {box.lemma} is empty.",
                      say(f"now {statement(being(both, there, tense='present'))}"),
                      say(f"now {statement(being(one, there, tense='present'))}")))]  # fmt: skip


def a_day(dice: Dice) -> list[str]:
    """What somebody did, step by step."""
    who = name(dice)
    steps = ["first", *(["then"] * (1 + dice.chance(0.4))), dice.one(("after that", "later")),
             dice.one(("finally", "at last", "in the evening"))]  # fmt: skip
    told = [clause(dice, who if not n else pronoun(who), dice.draw(DEEDS), form=THEN, plain=True, bare=True)
            for n in range(len(steps))]  # fmt: skip
    return [sentence(replace(c, when=step, fronted=True)) for c, step in zip(told, steps, strict=True)]


def giving(dice: Dice) -> list[str]:
    """Who has it now."""
    who, other = name(dice), name(dice)
    if who.noun is other.noun:
        return giving(dice)
    noun = dice.draw(nouns("toy text tool pen fruit clothing"))
    item = NP(noun, determiner="a", adjectives=described(dice, noun, 0.5))
    the = replace(item, determiner="the", adjectives=())
    act = make_verb(dice.one(("give/gave/given", "send/sent/sent", "sell/sold/sold")))
    now = [Clause(other, HAVE, the, tense="present", when="now", fronted=True),
           Clause(who, HAVE, the, tense="present", when="now", fronted=True, negated=True,
                  contracted=dice.chance(0.6))]  # fmt: skip
    return [sentence(Clause(who, HAVE, item)),
            sentence(Clause(pronoun(who), act, pronoun(item), (PP("to", other),))),
            sentence(dice.one(now))]  # fmt: skip


def accident(dice: Dice) -> list[str]:
    who, parent = name(dice), NP(dice.draw(nouns("parent")), owner=None, determiner="")
    parent = replace(parent, owner=pronoun(who))
    deed = clause(dice, who, dice.one((verb("break"), verb("lose"), verb("forget"), verb("spill"))),
                  form=THEN, plain=True, bare=True)  # fmt: skip
    obj = deed.obj
    assert obj
    asked = replace(deed, subject=YOU, obj=NP(obj.noun, obj.number), companions=())
    return [sentence(deed), f"{say(noun_phrase(parent, SUBJECT), '')} was angry.",
            quoted(question(asked), pronoun(parent)),
            quoted(dice.one(("Yes, I did,", "I am sorry,", "Yes, I am sorry,")), who)]  # fmt: skip


def comfort(dice: Dice) -> list[str]:
    """A feeling, a question, an answer."""
    who, mood = name(dice), dice.one(list(MOODS))
    other = name(dice) if dice.chance(0.6) else NP(dice.draw(nouns("parent")), owner=pronoun(who))
    if who.noun is other.noun:
        return comfort(dice)
    deed = clause(dice, who, dice.one(MOODS[mood]), form=("past", False, True, ""), plain=True, bare=True)
    if deed.obj and deed.obj.owner:
        return comfort(dice)
    asked = replace(deed, subject=YOU, tense="present", companions=())
    am = replace(being(I, mood, tense="present"), contracted=dice.chance(0.6))
    return [sentence(deed), quoted(question(asked, "why"), other),
            quoted(say(statement(am), ","), pronoun(who) if dice.chance(0.3) else who),
            sentence(Clause(other, verb(dice.one(("help", "hug", "kiss"))), pronoun(who)))]  # fmt: skip


STORIES: Pool[Callable[[Dice], list[str]]] = Pool(
    [a_day, lost, hungry_animal, giving, moving, comfort, accident, shopping],
    [8, 7, 6, 6, 5, 6, 5, 4],
)


def story(dice: Dice) -> list[str]:
    """A story on one line or, now and then, a sentence a line."""
    told = dice.draw(STORIES)(dice)
    return told if dice.chance(0.25) else [" ".join(told)]

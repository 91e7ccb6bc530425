"""Short stories with consistent referents, possessions and locations."""

from __future__ import annotations

from dataclasses import replace

from amlm.sample.clauses import DEEDS, MOOD, MOODS, THEN, TIMES, WAS_GOING_ON, core, negated, owning
from amlm.sample.phrases import ME, YOU, described, locative, name, spot, two_names
from amlm.sample.structures import NP, PP, Clause, being, pronoun
from amlm.sample.syntax import SUBJECT, noun_phrase, phrase, question, say, sentence, statement
from amlm.sample.words import HAVE, VERB, Dice, Pool, make_verb, nouns

MISHAPS = [VERB[lemma] for lemma in ("break", "lose", "forget", "spill")]
GIVING = [make_verb(forms) for forms in ("give/gave/given", "send/sent/sent", "sell/sold/sold")]
KINDNESS = [VERB[lemma] for lemma in ("help", "hug", "kiss")]


def quoted(text: str, who: NP) -> str:
    """Direct speech: "..." asked Tom; "..." he said."""
    act, speaker = "asked" if text.endswith("?") else "said", noun_phrase(who, SUBJECT)
    return f'"{text}" {f"{act} {speaker}" if who.said == "full" else f"{speaker} {act}"}.'


def a_day(dice: Dice) -> list[str]:
    """A sequence of actions of one person."""
    who = name(dice)
    end = dice.one(("finally", "at last", "in the evening"))
    steps = ["first", *["then"] * dice.one((1, 1, 2)), dice.one(("after that", "later")), end]
    told = [core(dice, pronoun(who), dice.draw(DEEDS), form=THEN) for _ in steps]
    told[0] = core(dice, who, dice.draw(DEEDS), form=THEN)
    return [
        sentence(replace(made, when=step, fronted=True))
        for made, step in zip(told, steps, strict=True)
    ]


def lost(dice: Dice) -> list[str]:
    """Something is lost, searched for in the wrong place, and found in another."""
    who, noun = name(dice), dice.draw(nouns("clothing toy treasure tool text"))
    item = NP(noun, adjectives=described(dice, noun, 0.6), owner=pronoun(who))
    he, it, wrong = noun_phrase(pronoun(who), SUBJECT), pronoun(item), spot(dice)
    right = spot(dice, wrong)
    missing = statement(negated(dice, being(it, "there")))
    kin = NP(dice.draw(nouns("kin")), owner=pronoun(who))
    finder = kin if dice.chance(0.5) else pronoun(who)
    found = sentence(Clause(finder, VERB["find"], it, (right,), when="then", fronted=True))
    if dice.chance(0.3):
        found = f"Then {he} looked {phrase(right)}. {say(statement(being(NP(noun), right)), '!')}"
    return [
        sentence(Clause(who, VERB["lose"], item)),
        say(f"{he} looked for it {phrase(wrong)}, but {missing}"),
        found,
        sentence(being(pronoun(who), dice.one(("", "so", "very")), "happy")),
    ]


def shopping(dice: Dice) -> list[str]:
    """The cheaper of two things is bought."""
    who, first = name(dice), dice.draw(nouns("clothing toy")).lemma
    second, he = dice.draw(nouns("instrument machine book")), noun_phrase(pronoun(who), SUBJECT)
    goes = Clause(who, VERB["go"], None, (PP("to", NP(dice.draw(nouns("store market")))),))
    one, other = (noun_phrase(NP(n, determiner="a")) for n in (dice.draw(nouns(first)), second))
    return [
        sentence(replace(goes, when=dice.draw(TIMES["past"]), fronted=dice.chance(0.5))),
        say(f"{he} wanted to buy {one} and {other}"),
        f"The {first} was cheap, but the {second.lemma} was expensive.",
        say(f"{he} bought the {first}"),
    ]


def hungry_animal(dice: Dice) -> list[str]:
    who, noun = name(dice), dice.draw(nouns("dog cat pet bird livestock"))
    animal = NP(noun, determiner="a", adjectives=described(dice, noun))
    ground = dice.draw(nouns("park garden yard street forest field"))
    food = NP(dice.draw(nouns("fruit vegetable baked snack")), determiner="a")
    gives = Clause(pronoun(who), VERB["give"], food, (PP("to", pronoun(animal)),))
    again, meal = NP(noun), dice.one((NP(food.noun), pronoun(food)))
    ends = (
        "It was not hungry any more.",
        "Then it was happy.",
        f"Now the {noun.lemma} and {who.noun.lemma} are friends.",
    )
    return [
        sentence(Clause(who, VERB["see"], animal, (PP(locative("LOC", ground), NP(ground)),))),
        sentence(being(dice.one((again, pronoun(again))), "hungry")),
        sentence(replace(gives, recipient_first=dice.chance(0.7))),
        sentence(Clause(again, VERB["eat"], meal)),
        dice.one(ends),
    ]


def moving(dice: Dice) -> list[str]:
    """Things are moved, and their final locations stated."""
    one, other = NP(dice.draw(nouns("toy treasure"))), NP(dice.draw(nouns("fruit tool pen")))
    box, bag = NP(dice.draw(nouns("container"))), NP(dice.draw(nouns("container")))
    if box.noun is bag.noun:
        return moving(dice)
    there = PP("in", bag)
    move = Clause(name(dice), make_verb("move"), one, (PP("from", box), PP("to", bag)))
    ends = (
        being(box, "empty", tense="present"),
        being(one, there, tense="present"),
        being(replace(one, joined=other), there, tense="present"),
    )
    return [
        sentence(being(one, PP("in", box), tense="present")),
        sentence(being(other, there, tense="present")),
        sentence(replace(move, tense="present")),
        sentence(replace(dice.one(ends), when="now", fronted=True)),
    ]


def giving(dice: Dice) -> list[str]:
    """Something changes hands, and its final owner is stated."""
    who, other = two_names(dice)
    noun = dice.draw(nouns("toy text tool pen fruit clothing"))
    item = NP(noun, determiner="a", adjectives=described(dice, noun, 0.5))
    has = Clause(other, HAVE, NP(noun), tense="present", when="now", fronted=True)
    end = has if dice.chance(0.5) else negated(dice, replace(has, subject=who))
    return [
        sentence(Clause(who, HAVE, item)),
        sentence(Clause(pronoun(who), dice.one(GIVING), pronoun(item), (PP("to", other),))),
        sentence(end),
    ]


def mishap(dice: Dice) -> list[str]:
    """Something goes wrong, and somebody asks about it."""
    who = name(dice)
    parent = NP(dice.draw(nouns("parent")), owner=pronoun(who))
    deed = core(dice, who, dice.one(MISHAPS), form=THEN)
    assert deed.obj, "mishaps happen to something"
    asked = replace(deed, subject=YOU, obj=NP(deed.obj.noun, deed.obj.number), companions=())
    return [
        sentence(deed),
        sentence(being(parent, "angry")),
        quoted(question(asked), pronoun(parent)),
        quoted(dice.one(("Yes, I did,", "I am sorry,", "Yes, I am sorry,")), who),
    ]


def comfort(dice: Dice) -> list[str]:
    """An action, the feeling behind it, and somebody who asks."""
    (who, other), mood = two_names(dice), dice.one(MOOD)
    if dice.chance(0.4):
        other = NP(dice.draw(nouns("parent")), owner=pronoun(who))
    deed = core(dice, who, dice.one(MOODS[mood]), form=WAS_GOING_ON)
    if owning(deed) or not deed.progressive:
        return comfort(dice)
    asked = replace(deed, subject=YOU, tense="present", companions=())
    feeling = replace(being(ME, mood, tense="present"), contracted=dice.chance(0.6))
    return [
        sentence(deed),
        quoted(question(asked, "why"), other),
        quoted(say(statement(feeling), ","), dice.one((who, who, pronoun(who)))),
        sentence(Clause(other, dice.one(KINDNESS), pronoun(who))),
    ]


FAMILIES = Pool(
    [a_day, lost, hungry_animal, giving, moving, comfort, mishap, shopping],
    [8, 7, 6, 6, 5, 6, 5, 4],
)


def story(dice: Dice) -> list[str]:
    """A story on one line or, sometimes, with one sentence per line."""
    told = dice.draw(FAMILIES)(dice)
    return told if dice.chance(0.25) else [" ".join(told)]

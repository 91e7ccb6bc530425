"""Families of lines of one sentence or two: each is a function from dice to a list of lines."""

from __future__ import annotations

from dataclasses import replace

from amlm.data.grammar import lexicon
from amlm.data.grammar.scene import (
    BASE,
    DONE,
    FORMS,
    HAD_DONE,
    HUMAN,
    ING,
    MOODS,
    NOW,
    THEN,
    THERE,
    TO,
    WAS_GOING_ON,
    WILL,
    WOULD,
    YOU,
    Form,
    actor,
    being,
    clause,
    core,
    locative,
    name,
    negated,
    somebody,
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
    join,
    noun_phrase,
    predicate,
    pronoun,
    question,
    say,
    sentence,
    short_answer,
    short_form,
    statement,
)
from amlm.data.grammar.words import (
    NOUN,
    VERB,
    VERBS,
    Dice,
    Pool,
    adjectives,
    an,
    comparative,
    make_noun,
    make_verb,
    nouns,
    pairs,
    with_s,
)

ACCIDENTS = ("hurt", "lose", "fall", "forget", "spill", "sneeze", "arrive", "break")
# Deeds that one can tell of in a row (no states), and those that one can wish or ask for.
DEEDS = Pool([v for v in VERBS if "human" in v.subjects and "=" not in v.marks], flat=12.0)
WISHES = Pool([v for v in DEEDS.items if v.base not in ACCIDENTS], flat=12.0)
THINKING = Pool([make_verb(forms) for forms in lexicon.THINKING.split()])
WANTING = Pool([make_verb(forms) for forms in lexicon.WANTING.split()])
ASKING = Pool([make_verb(forms) for forms in lexicon.ASKING.split()])
LIKING = Pool([make_verb(forms) for forms in lexicon.LIKING.split()])
SEEMING = Pool([make_verb(forms) for forms in lexicon.SEEMING.split()])
COMPARED = [VERB[lemma] for lemma in lexicon.COMPARED.split()]
EATEN = [VERB[lemma] for lemma in ("eat", "buy", "find", "make", "read")]
OPPOSITES = dict(pairs(lexicon.ANTONYMS))
KINDS = lexicon.table(lexicon.KINDS)
BY_SIZE = [row.split() for row in lexicon.BY_SIZE]
NUMBERS = lexicon.NUMBERS.split()
# Things and people, and where one comes upon them.
WHEREABOUTS = [
    ("toy fruit treasure text pen", "surface container seat"),
    ("dog cat pet", "room yard garden"),
    ("person", "room building land"),
    ("bird wild livestock", "land"),
    ("marine", "waters"),
    ("flower trees", "garden park field yard"),
    ("furniture instrument", "room"),
]
NEGATIVE = ("no", "nobody", "few")
QUANTIFIERS = Pool(["no", "every", "nobody", "all", "everybody", "few", "each", "most", "both"])


def one_sentence(dice: Dice) -> list[str]:
    return [sentence(clause(dice))]


def quality(dice: Dice) -> list[str]:
    """A copular sentence: is, was, looks, seems."""
    human = dice.chance(0.4)
    tags = "animal thing place food event"
    np = somebody(dice) if human else thing(dice, dice.draw(nouns(tags)))
    np = replace(np, adjectives=())
    pool = adjectives(np.noun.tags)
    assert pool, "a noun without adjectives"
    word, tense = dice.draw(pool)[1], dice.one(("present", "past"))
    degree = dice.one(("", "", "", "very", "very", "really", "quite", "so"))
    if word in MOODS and dice.chance(0.4):
        seems = Clause(np, dice.draw(SEEMING), None, (degree, word), tense)
        return [sentence(negated(dice, seems) if dice.chance(0.15) else seems)]
    made = being(pronoun(np) if dice.chance(0.15) else np, degree, word, tense=tense)
    if dice.chance(0.8):
        return [sentence(replace(made, contracted=dice.chance(0.6)))]
    text = statement(negated(dice, being(made.subject, word, tense=tense)))
    if word in OPPOSITES:
        text += f"; {statement(being(pronoun(np), OPPOSITES[word], tense=tense))}"
    return [say(text)]


def comparison(dice: Dice) -> list[str]:
    """What is bigger than what, in the order of the world."""
    order = dice.one(BY_SIZE)
    low, high = sorted((dice.one(range(len(order))), dice.one(range(len(order)))))
    if low == high:
        return comparison(dice)
    first, second, words = order[high], order[low], ("big", "large", "heavy")
    if dice.chance(0.5):
        first, second, words = second, first, ("small", "light", "small")
    more = comparative(dice.one(words))
    if dice.chance(0.2):
        one, other = dice.one(((first, second), (second, first)))
        return [f"Which is {more}, {an(one)} or {an(other)}?", say(f"{an(first)} is {more}")]
    here, there = dice.one((("a", "a"), ("the", "the"), ("this", "that"), ("", "")))
    number = PLURAL if here == "" else SINGULAR
    subject = NP(NOUN[first], number, here)
    if number == SINGULAR and dice.chance(0.3):
        subject = replace(subject, owner=name(dice))
    than = f"than {noun_phrase(NP(NOUN[second], number, there))}"
    return [sentence(being(subject, more, than, tense="present"))]


def existence(dice: Dice) -> list[str]:
    """There is, there are; there isn't any."""
    what, places = dice.one(WHEREABOUTS)
    np = replace(thing(dice, dice.draw(nouns(what)), 1), owner=None)
    place = dice.draw(nouns(places))
    where = PP(locative("LOC", place), thing(dice, place, 1, number=SINGULAR))
    some = "a" if np.number == SINGULAR else dice.one(("two", "three", "some", "many", "four"))
    kind = dice.random()
    if kind < 0.1:
        some = "no"
    elif kind < 0.2 and np.number == PLURAL:
        some = "any"
    np = replace(np, determiner=some)
    made = being(THERE, np, where, tense=dice.one(("present", "past")))
    made = replace(made, agreement=np.agreement)
    if some == "any":
        made = negated(dice, made)
    elif kind > 0.75:
        made = replace(made, companions=(np,), when=where, fronted=True)
    return [sentence(made)]


def reason(dice: Dice) -> list[str]:
    """A feeling and what comes of it, joined by because, so, if, when or although."""
    who, mood = actor(dice, HUMAN, plain=True), dice.one(list(MOODS))
    word = dice.one(("because", "because", "so", "if", "when", "although"))
    form = {"if": WILL, "when": NOW}.get(word, THEN)
    tense = "past" if form is THEN else "present"
    degree = "" if word in ("if", "so") else dice.one(("", "", "very", "so"))
    state = being(who, degree, mood, tense=tense)
    deed = core(dice, who, dice.one(MOODS[mood]), form=form, plain=False)
    if word == "so":
        result = replace(deed, subject=pronoun(who))
        return [say(f"{statement(state)}, so {statement(result)}")]
    if word == "although":
        deed = negated(dice, deed)
    return [sentence(replace(deed, when=Embedded(word, state), fronted=dice.chance(0.5)))]


def sequence(dice: Dice) -> list[str]:
    """Two deeds in time: before, after, when, while."""
    who = actor(dice, HUMAN, plain=True)
    other = who if dice.chance(0.45) else actor(dice, HUMAN, plain=True)
    word = dice.one(("before", "after", "when", "while", "as soon as"))
    inner = core(dice, other, dice.draw(DEEDS), form=WAS_GOING_ON if word == "while" else THEN)
    main = core(dice, who, dice.draw(DEEDS), form=THEN)
    return [sentence(replace(main, when=Embedded(word, inner), fronted=dice.chance(0.5)))]


REPORTED: Pool[Form] = Pool([THEN, HAD_DONE, WAS_GOING_ON, WOULD])


def reported(dice: Dice) -> list[str]:
    """Thoughts and words: says that, knew what."""
    who, past = actor(dice, HUMAN, plain=True), dice.chance(0.6)
    tense = "past" if past else "present"
    if dice.chance(0.3):
        inner = replace(
            core(dice, None, dice.one(EATEN), form=HAD_DONE if past else THEN), companions=()
        )
        know = VERB[dice.one(("know", "remember"))]
        made = Clause(who, know, None, (Embedded("what", inner, "object"),), tense)
        return [sentence(negated(dice, made) if dice.chance(0.4) else made)]
    inner = core(dice, actor(dice, HUMAN), form=dice.draw(REPORTED if past else FORMS))
    inner = negated(dice, inner) if dice.chance(0.1) else inner
    that = Embedded(dice.one(("that", "")), inner)
    return [sentence(Clause(who, dice.draw(THINKING), None, (that,), tense))]


def wishing(dice: Dice) -> list[str]:
    """Infinitives and gerunds: wants to sing, asked Tom to help, likes reading."""
    who, kind = actor(dice, HUMAN, plain=True), dice.random()
    verb, form, obj = dice.draw(WANTING), TO, None
    if kind < 0.3:
        verb, obj = dice.draw(ASKING), somebody(dice)
    elif kind < 0.5:
        verb, form = dice.draw(LIKING), ING
    inner = core(dice, obj or who, dice.draw(WISHES), form=form)
    made = Clause(who, verb, obj, (Embedded("", inner),), dice.one(("present", "past", "past")))
    return [sentence(negated(dice, made) if dice.chance(0.15) else made)]


def deeds(dice: Dice) -> list[str]:
    """Two deeds of one subject."""
    who, form = actor(dice, HUMAN, plain=True), dice.one((THEN, NOW, WILL))
    first, second = (core(dice, who, dice.draw(DEEDS), form=form) for _ in range(2))
    if first.verb is second.verb:
        return deeds(dice)
    bare = replace(second, tense="base") if form is WILL else second
    return [say(f"{statement(first)} {dice.one(('and', 'and', 'and then'))} {predicate(bare)}")]


def alike(dice: Dice) -> list[str]:
    """Two people who do or do not do the same: so does, neither does, but ... doesn't."""
    who, other, kind = somebody(dice), name(dice), dice.random()
    made = core(dice, who, dice.one(COMPARED), form=dice.one((NOW, THEN)))
    if who.noun is other.noun or (made.obj and made.obj.said == "reflexive"):
        return alike(dice)
    same, second = replace(made, subject=other), noun_phrase(other, SUBJECT)
    auxiliary = short_form(same, yes=True)[1]
    if kind < 0.3:
        return [say(f"{statement(made)}, but {second} {short_form(same, yes=False)[1]}")]
    if kind < 0.5:
        return [say(f"{statement(made)}, and so {auxiliary} {second}")]
    if kind < 0.65:
        return [say(f"{statement(negated(dice, made))}, and neither {auxiliary} {second}")]
    contrast = core(dice, other, made.verb, form=(made.tense, False, False))
    return [say(f"{statement(made)}, but {statement(contrast)}")]


def tagged(dice: Dice) -> list[str]:
    """A statement with its tag question."""
    made = clause(dice, somebody(dice) if dice.chance(0.8) else YOU)
    if made.tense in ("may", "might", "must"):
        return tagged(dice)
    subject, auxiliary = short_form(made, yes=made.negated or made.adverb in ("never", "rarely"))
    return [say(f"{statement(made)}, {auxiliary} {subject}", "?")]


def command(dice: Dice) -> list[str]:
    """An imperative."""
    made = core(dice, YOU, dice.draw(WISHES), form=BASE)
    kind, text, mark = dice.random(), predicate(made), dice.one(".!")
    if kind < 0.25:
        return [say(f"don't {predicate(replace(made, obj=with_any(made.obj)))}", mark)]
    if kind < 0.5:
        return [say(f"please {text}" if dice.chance(0.6) else f"{text}, please")]
    if kind < 0.7:
        return [say(f"{noun_phrase(name(dice))}, {join(dice.one(('', 'please')), text)}", mark)]
    return [say(text, mark)]


def quantified(dice: Dice) -> list[str]:
    """Every, no, few, nobody; any and ever only under a negative."""
    word = dice.draw(QUANTIFIERS)
    number = PLURAL if word in ("few", "all", "most", "both") else SINGULAR
    np = NP(dice.draw(nouns("person dog cat bird animal")), number, word)
    if word.endswith("body"):
        np = NP(make_noun(word, "human animate"), determiner="")
    made = core(dice, np, form=dice.one((THEN, NOW, DONE)))
    if made.obj and made.obj.said == "reflexive":
        return quantified(dice)
    if word in NEGATIVE:
        made = replace(made, obj=with_any(made.obj), adverb="ever" if made.perfect else "")
    return [sentence(made)]


def ever(dice: Dice) -> list[str]:
    """Never, not ... any, has ... ever?"""
    made = core(dice, somebody(dice), dice.draw(DEEDS), form=DONE)
    made = replace(made, obj=with_any(made.obj))
    if dice.chance(0.5):
        return [question(replace(made, adverb="ever")), short_answer(made, dice.chance(0.5))]
    if dice.chance(0.5):
        return [sentence(replace(made, adverb="never"))]
    return [sentence(negated(dice, replace(made, adverb="ever")))]


def kinds(dice: Dice) -> list[str]:
    """What is a kind of what."""
    kind, wrong = dice.one(list(KINDS)), dice.one(list(KINDS))
    one, other = dice.one(KINDS[kind]), dice.one(KINDS[kind])
    how = dice.random()
    if how < 0.3 and one != other:
        return [say(f"{NOUN[one].plural} and {NOUN[other].plural} are {with_s(kind)}")]
    if how < 0.55 and one not in KINDS[wrong]:
        return [say(f"is {an(one)} {an(wrong)}", "?"), f"No, it isn't. It is {an(kind)}."]
    if how < 0.75:
        return [say(f"what is {an(one)}", "?"), say(f"{an(one)} is {an(kind)}")]
    return [say(f"{an(one)} is {dice.one((an(kind), f'a kind of {kind}'))}")]


def sums(dice: Dice) -> list[str]:
    """Small sums, with and without things."""
    total = dice.one(range(2, 11))
    part = dice.one(range(1, total))
    if dice.chance(0.3):
        return [say(f"{NUMBERS[part]} and {NUMBERS[total - part]} make {NUMBERS[total]}")]
    noun, who = dice.draw(nouns("fruit toy treasure pen baked")), name(dice)
    counted = [f"{word} {noun.lemma if word == 'one' else noun.plural}" for word in NUMBERS]
    he = noun_phrase(pronoun(who), SUBJECT)
    if dice.chance(0.5):
        start, end, act = total, total - part, dice.one(("gives away", "loses", "sells"))
        more = NUMBERS[part]
    else:
        start, end, act = total - part, total, dice.one(("finds", "buys", "gets"))
        more = f"{NUMBERS[part]} more"
    return [f"{who.noun.lemma} has {counted[start]} and {act} {more}. Now {he} has {counted[end]}."]

"""The families of single-sentence lines: each is a function from dice to a list of lines."""

from __future__ import annotations

from dataclasses import replace

from amlm.data.grammar import lexicon
from amlm.data.grammar.scene import (
    FORMS,
    HUMAN,
    MOODS,
    NOW,
    THEN,
    THERE,
    TIMES,
    YOU,
    Form,
    actor,
    being,
    clause,
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
    Clause,
    Embedded,
    noun_phrase,
    predicate,
    pronoun,
    question,
    say,
    sentence,
    short_form,
    statement,
)
from amlm.data.grammar.words import (
    HAVE,
    NOUNS,
    VERBS,
    Dice,
    Pool,
    adjectives,
    article,
    comparative,
    make_noun,
    make_verb,
    nouns,
    pairs,
    verb,
)

BY_LEMMA = {noun.lemma: noun for noun in NOUNS}
ACCIDENTS = "hurt lose fall forget spill sneeze arrive break".split()
# Deeds that one can tell of in a row (no states), and those that one can wish or ask for.
DEEDS = Pool([v for v in VERBS if "human" in v.subjects and "=" not in v.marks], flat=12.0)
WISHES = Pool([v for v in DEEDS.items if v.base not in ACCIDENTS], flat=12.0)
CLAUSE_VERBS = Pool([make_verb(forms) for forms in lexicon.CLAUSE_VERBS.split()])
TO_VERBS = Pool([make_verb(forms) for forms in lexicon.TO_VERBS.split()])
ASKING = [make_verb(forms) for forms in ("ask", "tell/told", "help", "teach/taught", "want/wanted")]
LIKING = [make_verb(forms) for forms in ("enjoy", "stop", "start", "like", "love", "hate", "finish")]
SEEMING = [make_verb(forms) for forms in ("look", "seem", "feel/felt", "become/became/become")]
KINDS = {kind: words.split() for kind, _, words in
         (row.strip().partition(":") for row in lexicon.KINDS.split("|"))}  # fmt: skip
NUMBERS = lexicon.NUMBERS.split()


def one_sentence(dice: Dice) -> list[str]:
    return [sentence(clause(dice))]


def somebody(dice: Dice) -> NP:
    """A person to tell about: no `I` or `you`."""
    return name(dice) if dice.chance(0.6) else thing(dice, dice.draw(nouns("male female")), 1)


def quality(dice: Dice) -> list[str]:
    """A copular sentence: is, was, looks, feels."""
    human = dice.chance(0.4)
    np = somebody(dice) if human else thing(dice, dice.draw(nouns("animal thing place food event")))
    pool = adjectives(np.noun.tags)
    assert pool, "a noun without adjectives"
    word, degree = dice.draw(pool), dice.one(("", "", "", "very", "very", "really", "quite", "so"))
    if word in np.adjectives:
        word = dice.one(("big", "small") if not human else ("tall", "nice"))
        np = replace(np, adjectives=())
    tense = dice.one(("present", "past"))
    if human and word in MOODS and dice.chance(0.4):
        made = Clause(np, dice.one(SEEMING), None, (degree, word), tense)
        return [sentence(replace(made, negated=dice.chance(0.15), contracted=dice.chance(0.5)))]
    made = being(pronoun(np) if dice.chance(0.15) else np, degree, word, tense=tense)
    if dice.chance(0.2):
        opposite = dict([*ANTONYMS, *((b, a) for a, b in ANTONYMS)]).get(word)
        made = replace(made, negated=True, contracted=dice.chance(0.5), companions=(word,))
        more = f"; {statement(being(pronoun(np), opposite, tense=tense))}" if opposite else ""
        return [say(statement(made) + more)]
    return [sentence(replace(made, contracted=dice.chance(0.6)))]


ANTONYMS = pairs(lexicon.ANTONYMS)


def comparison(dice: Dice) -> list[str]:
    """What is bigger than what, in the order of the world."""
    order = dice.one(lexicon.BY_SIZE).split()
    low, high = sorted((dice.one(range(len(order))), dice.one(range(len(order)))))
    if low == high:
        return comparison(dice)
    small, big = (BY_LEMMA[order[rank]] for rank in (low, high))
    up = dice.chance(0.5)
    first, second = (big, small) if up else (small, big)
    more = comparative(dice.one(("big", "large", "heavy") if up else ("small", "light")))
    words = dice.one((("a", "a"), ("the", "the"), ("this", "that"), ("", "")))
    number = PLURAL if words[0] == "" else SINGULAR
    one, other = (NP(n, number, word) for n, word in zip((first, second), words, strict=True))
    if dice.chance(0.2):
        texts = [f"{article(n.lemma)} {n.lemma}" for n in dice.one(((first, second), (second, first)))]
        return [f"Which is {more}, {texts[0]} or {texts[1]}?",
                say(f"{article(first.lemma)} {first.lemma} is {more}")]  # fmt: skip
    if number == SINGULAR and dice.chance(0.3):
        one = replace(one, determiner="", owner=name(dice))
    return [sentence(being(one, more, f"than {noun_phrase(other)}", tense="present"))]


def existence(dice: Dice) -> list[str]:
    """There is, there are."""
    what, places = dice.one(WHERE)
    np = replace(thing(dice, dice.draw(nouns(what)), 1), owner=None)
    few = "a" if np.number == SINGULAR else dice.one(("two", "three", "some", "many", "four"))
    np = replace(np, determiner=few)
    place = dice.draw(nouns(places))
    where = PP(locative("LOC", place), thing(dice, place, 1, number=SINGULAR))
    tense = dice.one(("present", "past"))
    made = replace(being(THERE, np, where, tense=tense), agreement=np.agreement)
    if dice.chance(0.2):
        none = replace(np, determiner=dice.one(("no", "any")))
        made = replace(made, companions=(none, where), negated=none.determiner == "any",
                       contracted=dice.chance(0.6))  # fmt: skip
        if none.determiner == "any" and none.number == SINGULAR:
            made = replace(made, companions=(np, where))
    elif dice.chance(0.25):
        made = replace(made, when=where, fronted=True, companions=(np,))
    return [sentence(made)]


# Things and people, and where one comes upon them.
WHERE = [("toy fruit treasure text pen", "surface container seat"), ("dog cat pet", "room yard garden"),
         ("male female student", "room building land"), ("bird wild livestock", "land"),
         ("marine", "waters"), ("flower trees", "garden park field yard"),
         ("furniture instrument", "room")]  # fmt: skip


def reason(dice: Dice) -> list[str]:
    """A feeling and what comes of it, joined by because, so, if, when or although."""
    who, mood = actor(dice, HUMAN, plain=True), dice.one(list(MOODS))
    word = dice.one(("because", "because", "so", "if", "when", "although"))
    tenses = {"if": ("present", "will"), "when": ("present", "present")}.get(word, ("past", "past"))
    state = being(who, dice.one(("", "", "very", "so")) if word != "if" else "", mood, tense=tenses[0])
    deed = clause(dice, who, dice.one(MOODS[mood]), form=(tenses[1], False, False, ""), bare=True)
    if word == "so":
        state = replace(state, companions=(mood,))
        return [say(f"{statement(state)}, so {statement(replace(deed, subject=pronoun(who)))}")]
    if word == "although":
        deed = replace(deed, negated=True, contracted=dice.chance(0.5), obj=with_any(deed.obj))
    return [sentence(replace(deed, when=Embedded(word, state), fronted=dice.chance(0.5)))]


def sequence(dice: Dice) -> list[str]:
    """Two deeds in time: before, after, when, while, until."""
    who = actor(dice, HUMAN, plain=True)
    other = who if dice.chance(0.45) else actor(dice, HUMAN, plain=True)
    word = dice.one(("before", "after", "when", "while", "until", "as soon as"))
    form: Form = ("past", False, word == "while", "")
    inner = clause(dice, other, dice.draw(DEEDS), form=form, plain=True, bare=True)
    main = clause(dice, who, dice.draw(DEEDS), form=THEN, plain=True, bare=True)
    return [sentence(replace(main, when=Embedded(word, inner), fronted=dice.chance(0.5)))]


def reported(dice: Dice) -> list[str]:
    """Thoughts and words: says that, knew what, asked whether."""
    who = actor(dice, HUMAN, plain=True)
    past = dice.chance(0.6)
    tense = "past" if past else "present"
    if dice.chance(0.3):
        inner = clause(dice, verb=verb(dice.one(("eat", "buy", "find", "make", "read"))), form=THEN, bare=True)
        know = verb("know") if dice.chance(0.5) else verb("remember")
        asked = replace(inner, companions=(), perfect=past)
        made = Clause(who, know, None, (Embedded("what", asked, "object"),), tense)
        return [sentence(replace(made, negated=dice.chance(0.4), contracted=dice.chance(0.6)))]
    told = dice.draw(CLAUSE_VERBS)
    form = dice.draw(REPORTED_PAST if past else FORMS)
    inner = clause(dice, actor(dice, HUMAN), form=form, plain=True)
    return [sentence(Clause(who, told, None, (Embedded(dice.one(("that", "")), inner),), tense))]


REPORTED_PAST: Pool[Form] = Pool([THEN, ("past", True, False, ""), ("past", False, True, ""),
                                  ("would", False, False, ""), ("could", False, False, "")])  # fmt: skip


def wishing(dice: Dice) -> list[str]:
    """Infinitives and gerunds: wants to sing, asked Tom to help, likes reading."""
    who = actor(dice, HUMAN, plain=True)
    kind, tense = dice.random(), dice.one(("present", "past", "past"))
    obj, main = None, dice.draw(TO_VERBS)
    if kind < 0.3:
        obj, main = somebody(dice), dice.one(ASKING)
    elif kind < 0.5:
        main = dice.one(LIKING)
    form: Form = ("ing" if 0.3 <= kind < 0.5 else "to", False, False, "")
    doer = who if obj is None else obj
    inner = clause(dice, doer, dice.draw(WISHES), form=form, plain=True, bare=True)
    made = Clause(who, main, obj, (Embedded("", inner),), tense)
    return [sentence(replace(made, negated=dice.chance(0.15), contracted=dice.chance(0.6)))]


def together(dice: Dice) -> list[str]:
    """Two predicates, or two people who do or do not do the same."""
    who = actor(dice, HUMAN, plain=True)
    if dice.chance(0.5):
        form: Form = dice.one((THEN, NOW, ("will", False, False, "")))
        first, second = (clause(dice, who, dice.draw(DEEDS), form=form, plain=True, bare=True) for _ in "12")
        if first.verb is second.verb:
            return together(dice)
        rest = predicate(second) if form[0] != "will" else predicate(replace(second, tense="base"))
        return [say(f"{statement(first)} {dice.one(('and', 'and', 'and then'))} {rest}")]
    act = verb(dice.one(("like", "love", "have", "eat", "want", "see", "read", "hate", "know", "enjoy")))
    who, other = somebody(dice), name(dice)
    made = clause(dice, who, act, form=dice.one((NOW, THEN)), plain=True, bare=True)
    if who.noun is other.noun or (made.obj and made.obj.said == "reflexive"):
        return together(dice)
    same, kind = replace(made, subject=other), dice.random()
    auxiliary = short_form(same, yes=True)[1]
    if kind < 0.3:
        return [say(f"{statement(made)}, but {noun_phrase(other)} {short_form(same, yes=False)[1]}")]
    if kind < 0.5:
        return [say(f"{statement(made)}, and so {auxiliary} {noun_phrase(other)}")]
    if kind < 0.65:
        made = replace(made, negated=True, contracted=dice.chance(0.6), obj=with_any(made.obj))
        return [say(f"{statement(made)}, and neither {auxiliary} {noun_phrase(other)}")]
    else_ = clause(dice, other, act, form=(made.tense, False, False, ""), plain=True, bare=True)
    return [say(f"{statement(made)}, but {statement(else_)}")]


def tagged(dice: Dice) -> list[str]:
    """A statement with its tag question."""
    made = clause(dice, somebody(dice) if dice.chance(0.8) else YOU, plain=True, form=dice.draw(FORMS))
    if made.tense in ("may", "might", "must"):
        return tagged(dice)
    subject, auxiliary = short_form(made, yes=made.negated)
    return [say(f"{statement(made)}, {auxiliary} {subject}", "?")]


def command(dice: Dice) -> list[str]:
    """An imperative."""
    made = clause(dice, YOU, dice.draw(WISHES), form=("base", False, False, ""), plain=True, bare=True)
    kind, text = dice.random(), predicate(made)
    if kind < 0.25:
        return [say(f"don't {predicate(replace(made, obj=with_any(made.obj)))}", dice.one(".!"))]
    if kind < 0.5:
        return [say(f"please {text}" if dice.chance(0.6) else f"{text}, please")]
    if kind < 0.7:
        return [say(f"{noun_phrase(name(dice))}, {dice.one(('', 'please '))}{text}", dice.one(".!"))]
    return [say(text, dice.one(".!"))]


def quantified(dice: Dice) -> list[str]:
    """Every, no, few, nobody; any and ever only under a negative."""
    subject = dice.draw(QUANTIFIERS)
    noun = dice.draw(nouns("male female dog cat student child bird animal"))
    plural = subject in ("few", "all", "most", "both")
    np = NP(noun, PLURAL if plural else SINGULAR, subject)
    if subject.endswith("body"):
        np = NP(make_noun(subject, "human animate"), determiner="")
    form: Form = dice.one((THEN, NOW, ("present", True, False, "")))
    made = clause(dice, np, form=form, plain=True, bare=True)
    if made.obj and made.obj.said == "reflexive":
        return quantified(dice)
    if subject in NEGATIVE:
        made = replace(made, obj=with_any(made.obj), adverb="ever" if form[1] else "")
    elif dice.chance(0.3):
        made = replace(made, when=dice.draw(TIMES["present"])) if form is NOW else made
    return [sentence(made)]


NEGATIVE = ("no", "nobody", "few")
QUANTIFIERS = Pool(["no", "every", "nobody", "all", "everybody", "few", "each", "most", "both", "somebody"])


def ever(dice: Dice) -> list[str]:
    """Never, not any, has ... ever?"""
    made = clause(dice, somebody(dice), form=("present", True, False, ""), plain=True, bare=True)
    if "=" in made.verb.marks and made.verb is not HAVE and made.verb.base != "see":
        return ever(dice)
    if dice.chance(0.5):
        yes = dice.chance(0.5)
        subject, auxiliary = short_form(made, yes)
        asked = question(replace(made, adverb="ever", obj=with_any(made.obj)))
        return [asked, f"{'Yes' if yes else 'No'}, {subject} {auxiliary}."]
    if dice.chance(0.5):
        return [sentence(replace(made, adverb="never", obj=with_any(made.obj)))]
    made = replace(made, adverb="ever", negated=True, contracted=dice.chance(0.5), obj=with_any(made.obj))
    return [sentence(made)]


def kinds(dice: Dice) -> list[str]:
    """What is a kind of what."""
    kind = dice.one(list(KINDS))
    one, other = dice.one(KINDS[kind]), dice.one(KINDS[kind])
    wrong = dice.one(list(KINDS))
    a = f"{article(one)} {one}"
    if kind == "drink":
        return [say(f"{one} is a drink")]
    if one != other and dice.chance(0.3):
        return [say(f"{BY_LEMMA[one].plural} and {BY_LEMMA[other].plural} are {make_noun(kind, '').plural}")]
    if wrong != kind and (kind, wrong) not in (("bird", "animal"), ("insect", "animal")) and dice.chance(0.5):
        return [say(f"is {a} {article(wrong)} {wrong}", "?"), f"No, it isn't. It is {article(kind)} {kind}."]
    if dice.chance(0.4):
        return [say(f"what is {a}", "?"), say(f"{a} is {article(kind)} {kind}")]
    return [say(f"{a} is {dice.one((f'{article(kind)} {kind}', f'a kind of {kind}'))}")]


def sums(dice: Dice) -> list[str]:
    """Small sums with things."""
    total = 2 + int(dice.random() * 9)
    part = 1 + int(dice.random() * (total - 1))
    if dice.chance(0.3):
        return [say(f"{NUMBERS[part]} and {NUMBERS[total - part]} make {NUMBERS[total]}")]
    noun, who = dice.draw(nouns("fruit toy treasure pen baked")), somebody(dice)
    said = [f"{NUMBERS[n]} {noun.lemma if n == 1 else noun.plural}" for n in range(13)]
    give = dice.chance(0.5)
    start, end = (total, total - part) if give else (total - part, total)
    act = f"{dice.one(('gives away', 'loses', 'sells'))}" if give else dice.one(("finds", "buys", "gets"))
    more = NUMBERS[part] if give else f"{NUMBERS[part]} more"
    he = noun_phrase(pronoun(who), 0)
    if who.number == PLURAL:
        return sums(dice)
    return [say(f"{noun_phrase(who)} has {said[start]} and {act} {more}. Now {he} has {said[end]}")]

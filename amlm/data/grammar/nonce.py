"""Invented words: stems by phonotactics, what English morphology makes of them, and lines with them.

A stock of stems belongs to the world, whatever the seed of a text, so that they can be learned;
now and then a line invents one of its own. Derived forms follow rules without exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from amlm.data.grammar.scene import HUMAN, NOW, THEN, YOU, actor, being, clause, generic, name, thing
from amlm.data.grammar.syntax import (
    NP,
    PP,
    SINGULAR,
    SUBJECT,
    Clause,
    Embedded,
    noun_phrase,
    pronoun,
    question,
    say,
    sentence,
    short_form,
    statement,
)
from amlm.data.grammar.words import (
    Dice,
    Noun,
    Pool,
    Verb,
    adverb,
    article,
    attach,
    make_noun,
    make_verb,
    nominalize,
    nouns,
    verb,
)

ONSETS = ["bl", "d", "dr", "fl", "gl", "gr", "kl", "kr", "pl", "sl", "sm", "sn", "spl", "tr", "tw", "v", "vr", "w", "y", "z", "zw"]
NUCLEI = ["a", "a", "e", "e", "i", "i", "o", "o", "u", "u", "oo", "ee"]
CODAS = ["ck", "g", "b", "v", "x", "zz", "ft", "lb", "lf", "lp", "mp", "nk", "rb", "rk", "rp"]
LIGHT = ["ba", "da", "fo", "ga", "lu", "mo", "ni", "po", "ra", "so", "ta", "vi"]
# What these would make that is English (or that nobody should read).
REAL = frozenset(
    ["black", "block", "blank", "blab", "blimp", "blink", "blob", "blog", "blurb", "daft", "damp", "dank", "dark", "dab", "deb", "deck", "deft", "delft", "dev", "dick", "dig", "dink", "dock", "dog", "dork", "dove", "duck", "dug", "dumb", "dump", "dunk", "dub", "draft", "drag", "drab", "drank", "dreck", "dreg", "drift", "drink", "drug", "drunk", "flab", "flag", "flank", "flax", "fleck", "flex", "flick", "flock", "flog", "flub", "flunk", "flux", "glib", "glob", "glug", "graft", "grab", "grift", "grig", "grub", "grump", "gloom", "klan", "plank", "pleck", "plink", "plonk", "pluck", "plug", "plump", "slab", "slack", "slag", "slav", "slick", "slink", "slob", "slog", "slug", "slump", "slunk", "slurp", "smack", "smirk", "smock", "smog", "smug", "snack", "snag", "snark", "snick", "snob", "snog", "snub", "snug", "track", "tramp", "trek", "trick", "trig", "trug", "trump", "trix", "truck", "trunk", "twerk", "twerp", "twig", "twink", "vamp", "verb", "vex", "wack", "wag", "wank", "warp", "wax", "web", "week", "weeb", "wick", "wig", "wimp", "wink", "wog", "wolf", "wonk", "work", "yag", "yank", "yelp", "yob", "yolk", "york", "yuck", "zap", "zig", "zag", "zonk"]
)
REAL_ADJECTIVES = ("kind", "sad", "happy", "lazy", "polite", "rude", "brave", "clever", "gentle")
ENDINGS = Pool(["able", "ish", "ive", "ous", "al", "ic", "ful", "less"], [5, 4, 2, 3, 2, 2, 1, 1])
BEARERS = "animal toy clothing container human pet"
OBJECTS = "toy container clothing fruit cup stone"


def stem(dice: Dice) -> str:
    """A new stem of one syllable, or of two."""
    while True:
        syllable = dice.one(ONSETS) + dice.one(NUCLEI) + dice.one(CODAS)
        long = "oo" in syllable or "ee" in syllable
        if syllable not in REAL and not (long and len(syllable) > 5):
            return dice.one(LIGHT) + syllable if dice.chance(0.25) else syllable


def _stock(purpose: str, count: int) -> Pool[str]:
    dice = Dice(f"invented {purpose}")
    return Pool(list(dict.fromkeys(stem(dice) for _ in range(count))))


NOUN_STEMS, VERB_STEMS, ADJECTIVE_STEMS = (_stock(kind, 60) for kind in ("noun", "verb", "adjective"))


def known_stem(dice: Dice, stock: Pool[str]) -> str:
    """A stem that the world knows or, seldom, a new one."""
    return stem(dice) if dice.chance(0.08) else dice.draw(stock)


def creature(dice: Dice, stock: Pool[str] = NOUN_STEMS) -> Noun:
    return make_noun(known_stem(dice, stock), "animal pet small animate")


def deed(dice: Dice) -> Verb:
    return make_verb(known_stem(dice, VERB_STEMS), "human", OBJECTS)


def adjective(dice: Dice, base: str = "") -> str:
    """An invented adjective, with a derivational ending or (seldom) without one."""
    base = base or known_stem(dice, ADJECTIVE_STEMS)
    return base if dice.chance(0.15) else derive(base, dice.draw(ENDINGS))


def derive(base: str, ending: str) -> str:
    """An adjective of a stem and an ending."""
    return attach(base, ending) if ending[0] in "aeiou" else base + ending


def bearer(dice: Dice, tags: str = BEARERS) -> NP:
    """Something that can have a quality."""
    np = thing(dice, dice.draw(nouns(tags)), 1, number=SINGULAR)
    return replace(np, determiner=dice.one(("the", "this", "a")), adjectives=())


def possessing(np: NP, quality: str, of: bool = False) -> NP:
    """Its quality: her kindness, the wuggishness of the dog."""
    noun = make_noun(quality, "mass")
    return NP(noun, after=(PP("of", np),)) if of else NP(noun, owner=np)


def known(np: NP) -> NP:
    """The second mention of a noun phrase."""
    return replace(np, determiner="the") if np.determiner == "a" else np


# --- lines --------------------------------------------------------------------------------------

Family = Callable[[Dice], list[str]]


def plain_lines(dice: Dice) -> list[str]:
    """An invented creature or deed, or the quality of an ordinary thing, in an ordinary clause."""
    kind = dice.random()
    if kind < 0.35:
        return [sentence(clause(dice, subject=thing(dice, creature(dice))))]
    if kind < 0.55:
        subject, act = actor(dice), verb(dice.one(("see", "chase", "feed", "find", "watch", "have")))
        return [sentence(clause(dice, subject, act, thing(dice, creature(dice))))]
    if kind < 0.8:
        return [sentence(clause(dice, verb=deed(dice)))]
    np = thing(dice, dice.draw(nouns(BEARERS)))
    return [sentence(clause(dice, obj=replace(np, adjectives=(adjective(dice),)),
                            verb=verb("see"), subject=actor(dice)))]  # fmt: skip


def plurals(dice: Dice) -> list[str]:
    one = make_noun(known_stem(dice, NOUN_STEMS), "animal")
    count = dice.one(("two", "three", "many"))
    return [f"This is {article(one.lemma)} {one.lemma}. Now there are {count} {one.plural}."]


def definition(dice: Dice) -> list[str]:
    one = creature(dice)
    size = "small" if len(one.lemma) % 2 else "big"  # always the same for one creature
    head = NP(make_noun("animal", "animal"), determiner="a", adjectives=(size,))
    habit = clause(dice, head, verb(dice.one(("sleep", "hide", "sit"))), form=NOW, bare=True)
    return [say(statement(being(NP(one, determiner="a"), replace(
        head, after=(Embedded("that", habit, "subject"),)), tense="present")))]  # fmt: skip


def doer(dice: Dice) -> list[str]:
    """Present, past and agent noun of one verb, invented or ordinary."""
    act = deed(dice) if dice.chance(0.6) else verb(dice.one(DOERS))
    who, agent = name(dice), NP(make_noun(attach(act.base, "er"), ""), determiner="a")
    habit = Clause(who, act, generic(dice, act), tense="present")
    if dice.chance(0.4):
        somebody = NP(make_noun("somebody", "human"), determiner="")
        rest = Embedded("who", replace(habit, subject=somebody), "subject")
        return [sentence(being(agent, "somebody", rest, tense="present"))]
    yesterday = clause(dice, pronoun(who), act, form=THEN, plain=True, bare=True)
    said = (replace(habit, when=dice.one(("every day", "often", "every week"))),
            replace(yesterday, when="yesterday", fronted=dice.chance(0.5)),
            being(pronoun(who), agent, tense="present"))  # fmt: skip
    return [" ".join(map(sentence, said))]


DOERS = ["teach", "sing", "bake", "paint", "write", "dance", "read", "help", "hunt", "drive", "swim", "run", "climb"]


def doable(dice: Dice) -> list[str]:
    """-able and un- of one verb, and the quality."""
    act = deed(dice) if dice.chance(0.75) else verb(dice.one(("wash", "break", "read", "eat", "fix")))
    obj = thing(dice, dice.draw(nouns(" ".join(sorted(act.objects)))), 1, number=SINGULAR)
    obj = replace(obj, determiner=dice.one(("this", "that", "the")), owner=None)
    possible = dice.chance(0.6)
    subject = YOU if possible else NP(make_noun("nobody", "human"), determiner="")
    able = attach(act.base, "able") if possible else "un" + attach(act.base, "able")
    can = Clause(subject, act, obj, tense="can")
    lines = [sentence(can), sentence(being(pronoun(obj), able, tense="present"))]
    if dice.chance(0.5):
        lines.append(marvel(dice, pronoun(obj), able))
    return [" ".join(lines)]


def marvel(dice: Dice, np: NP, quality: str) -> str:
    """A sentence about the quality of something."""
    noun = possessing(np, nominalize(quality), np.said == "full" and dice.chance(0.5))
    who = actor(dice, HUMAN, plain=True)
    if dice.chance(0.5):
        return sentence(Clause(noun, make_verb(dice.one(("surprise", "puzzle", "interest"))), who))
    return sentence(Clause(who, make_verb(dice.one(("notice", "mention", "describe"))), noun))


def likeness(dice: Dice) -> list[str]:
    """-ish, -less and -ful of one noun."""
    one = make_noun(known_stem(dice, NOUN_STEMS), "animal")
    form = dice.one(("ish", "ish", "less", "ful"))
    np = bearer(dice, "container cup" if form == "ful" else BEARERS)
    said = {"ish": f"looks like {article(one.lemma)} {one.lemma}",
            "less": f"has no {one.lemma}", "ful": f"is full of {one.lemma}"}[form]  # fmt: skip
    made = derive(one.lemma, form)
    second = sentence(being(pronoun(np), made, tense="present"))
    more = " " + marvel(dice, known(np), made) if dice.chance(0.4) else ""
    return [f"{say(f'{noun_phrase(np, SUBJECT)} {said}')} {second}{more}"]


def qualities(dice: Dice) -> list[str]:
    """An adjective and its quality noun."""
    if dice.chance(0.25):
        quality, np = dice.one(REAL_ADJECTIVES), thing(dice, dice.draw(nouns("male female")), 1)
    else:
        quality, np = adjective(dice), bearer(dice)
    degree = dice.one(("", "very", "so", "quite"))
    so = being(np, degree, quality, tense=dice.one(("past", "present")))
    owner = pronoun(np) if dice.chance(0.6) else known(np)
    return [f"{sentence(so)} {marvel(dice, owner, quality)}"]


def manners(dice: Dice) -> list[str]:
    """An adjective and its adverb, its opposite, or a question about it."""
    quality, np, kind = adjective(dice), known(bearer(dice, "animal human pet")), dice.random()
    so = being(np, quality, tense=dice.one(("past", "present")))
    if kind < 0.4:
        deed = clause(dice, pronoun(np), form=THEN, plain=True, bare=True)
        deed = replace(deed, companions=(*deed.companions, adverb(quality)))
        return [f"{sentence(so)} {sentence(deed)}"]
    if kind < 0.75:
        so = replace(so, negated=True, contracted=dice.chance(0.5))
        return [f"{sentence(so)} {sentence(being(pronoun(np), 'un' + quality, tense=so.tense))}"]
    yes = dice.chance(0.5)
    subject, auxiliary = short_form(so, yes)
    return [question(so), f"{'Yes' if yes else 'No'}, {subject} {auxiliary}."]


NONCE_LINES: Pool[Family] = Pool(
    [plain_lines, plurals, definition, doer, doable, likeness, qualities, manners],
    [28, 5, 8, 13, 14, 12, 14, 8],
)


def nonce_lines(dice: Dice) -> list[str]:
    """One or two lines about invented words."""
    return dice.draw(NONCE_LINES)(dice)

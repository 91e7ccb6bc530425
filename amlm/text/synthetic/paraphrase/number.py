"""Another number: two dogs for three, 1948 for 1946, these dogs for this dog.

Singular and plural only change at the end of a phrase that is an object or follows a preposition,
where no verb agrees with it, and where no pronoun speaks of it later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.sample.words import Dice
from amlm.text.synthetic.paraphrase.frames import ADJECTIVES
from amlm.text.synthetic.paraphrase.noun_phrases import NO_PLURAL, OTHER_PLURALS, PLURALS, SINGULARS
from amlm.text.synthetic.paraphrase.sentences import NUMERALS, Edit, before, one_of, words_of
from amlm.text.synthetic.paraphrase.verbs import BASE, PAST, THIRD

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
NUMBER = re.compile(r"(?<![\w.,;:/$£€'’–—-])([1-9]\d{0,3})(?![\w/:%'’–—-]|[.,]\d)")
NUMERAL = re.compile(
    rf"(?<![\w-])({'|'.join(NUMERALS)})(?= ([a-z]+)\b)(?! (?:or|and|of|to)\b)", re.I
)
PHRASE = re.compile(
    r"(?<![\w'’-])(the|a|an|this|these|that|those) (?:([a-z]+) )?([a-z]+)"
    r"(?=[.!?]| (?:in|on|at|with|for|from|to|into|near|through|by|under|behind|after|before)\b)"
)
OTHER_DETERMINER = {
    "the": ("the",), "a": ("two", "three", "some"), "an": ("two", "three", "some"),
    "this": ("these",), "these": ("this",), "that": ("those",), "those": ("that",),
}  # fmt: skip
# "thirty five", "a hundred and five", "one or two"
ADDED = words_of(
    "or and hundred thousand twenty thirty forty fifty sixty seventy eighty ninety"
) | {*NUMERALS}
FORWARD = words_of("with near from into through behind under across for of to by")
LATER = words_of("it its he his him she her they them their which who that one ones")
# Nouns that are no plural, or another thing, in common turns.
FIXED = words_of(
    "school church hospital house home way side hand foot face sea street road beach park market "
    "theater radio phone television piano guitar drum violin flute trumpet game part past store "
    "dream race show floor garden kitchen village city country desert jungle place fly answer"
)
MAX_DAY, FIRST_YEAR, LAST_YEAR = 28, 1100, 2030


def number(dice: Dice, sentence: str) -> str | None:
    """One number changed.

    >>> [number(Dice(1), text) for text in ("I saw two dogs.", "He fed this dog.")]
    ['I saw four dogs.', 'He fed these dogs.']
    """
    edits = [*_digits(dice, sentence), *_numerals(dice, sentence), *_phrases(dice, sentence)]
    return one_of(dice, sentence, edits)


def _digits(dice: Dice, sentence: str) -> Iterator[Edit]:
    for found in NUMBER.finditer(sentence):
        value, (start, end) = int(found[1]), found.span()
        dated = re.match(rf" (?:{MONTHS})\b", sentence[end:]) or re.search(
            rf"\b(?:{MONTHS}) $", sentence[:start]
        )
        if dated and value <= 31:
            low, high = 1, MAX_DAY
        elif FIRST_YEAR <= value <= LAST_YEAR:
            low, high = value - 9, min(value + 9, LAST_YEAR)
        else:
            low, high = max(2, value // 2), value * 2
        others = {int(other[1]) for other in NUMBER.finditer(sentence)} - {value}
        choices = [
            each
            for each in range(low, high + 1)
            if each != value
            and all(each != other and (each < other) == (value < other) for other in others)
        ]
        # "Nokia 6300"
        name = re.search(r"(?<=\w )[A-Z]\w* $", sentence[:start]) and not dated
        if value >= 2 and choices and not name:
            yield Edit(start, end, str(dice.one(choices)))


def _numerals(dice: Dice, sentence: str) -> Iterator[Edit]:
    for found in NUMERAL.finditer(sentence):
        counted = found[2]
        plural = counted in PLURALS or counted in OTHER_PLURALS or counted.endswith("s")
        if (
            plural
            and not NO_PLURAL.fullmatch(counted)
            and not ADDED & {before(sentence, found.start())}
        ):
            others = [word for word in NUMERALS if word != found[1].lower()]
            yield Edit(*found.span(1), dice.one(others))


def _phrases(dice: Dice, sentence: str) -> Iterator[Edit]:
    for found in PHRASE.finditer(sentence):
        determiner, adjective, noun = found.groups()
        plural = noun in PLURALS
        known = PLURALS.get(noun) or SINGULARS.get(noun)
        first = before(sentence, found.start())
        if known is None or not known.countable or known.lemma in FIXED:
            continue
        agrees = plural == (determiner in ("these", "those")) or determiner == "the"
        placed = first in FORWARD or first in PAST or first in BASE or first in THIRD
        spoken_of = LATER & set(re.findall("[a-z]+", sentence[found.end() :].lower()))
        if not agrees or not placed or spoken_of or (adjective and adjective not in ADJECTIVES):
            continue
        text = known.lemma if plural else known.plural
        adjective = f"{adjective} " if adjective else ""
        yield Edit(*found.span(), f"{dice.one(OTHER_DETERMINER[determiner])} {adjective}{text}")

"""Changes a number: 1948 for 1946, five dogs for two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.text.synthetic.paraphrase.edits import Edit, word_before, words_of

MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DIGITS = re.compile(r"(?<![\w.,;:/$£€'’–—-])([1-9]\d{0,3})(?![\w/:%'’–—-]|[.,]\d)")
NUMERALS = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
]  # fmt: skip
# The counted noun is a plural; not "two thirds", "Two Socks", "one or two".
COUNT = re.compile(
    rf"(?<![\w-])(?:{'|'.join([*NUMERALS, *(f'^{word.title()}' for word in NUMERALS)])})"
    r"(?= (?:people|men|women|children|feet|[a-z]+s)\b)"
    r"(?! (?:thirds|quarters|fifths|[a-z]*(?:ss|us|is|ics))\b)"
)
# "thirty five", "a hundred and five", "one or two"
ADDED = {"or", "and", "hundred", "thousand", "one", *NUMERALS} | words_of(
    "twenty thirty forty fifty sixty seventy eighty ninety"
)
LAST_DAY, NEAR = 28, 9


def number_edits(sentence: str) -> Iterator[Edit]:
    """Changes one number to each nearby one that preserves the order of all numbers.

    >>> [edit.text for edit in number_edits("From 5 to 7.")]
    ['2', '3', '4', '6', '6', '8', '9', '10', '11', '12', '13', '14', '15', '16']
    """
    values = [int(value) for value in DIGITS.findall(sentence)]
    for value, found in zip(values, DIGITS.finditer(sentence), strict=True):
        start, end = found.span()
        dated = re.match(rf" {MONTH}\b", sentence[end:]) or re.search(
            rf"\b{MONTH} $", sentence[:start]
        )
        name = re.search(r"(?<=\w )[A-Z]\w* $", sentence[:start])  # "Nokia 6300"
        last = LAST_DAY if dated and value <= 31 else value + NEAR
        near = range(max(2, value - NEAR), min(last, value + NEAR) + 1)
        for other in near if value >= 2 and (dated or not name) else ():
            ordered = all((other < each) == (value < each) for each in values if each != value)
            if other not in values and ordered:
                yield Edit(start, end, str(other))
    for found in COUNT.finditer(sentence):
        if word_before(sentence, found.start()) not in ADDED:
            for word in NUMERALS:
                if word != found[0].lower():
                    yield Edit(*found.span(), word)

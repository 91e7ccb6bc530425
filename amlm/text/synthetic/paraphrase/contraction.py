"""Contractions and full forms: "don't" and "do not", "it's a" and "it is a".

Only where the long form is certain ('s is `is`, `has` or an owner's, 'd is `had` or `would`), where
the words stay in their order ("don't you?" is not "do not you?"), and never at a clause's end
("Yes, it is.").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.sample.words import Dice
from amlm.text.synthetic.paraphrase.sentences import (
    AUXILIARIES,
    INDEFINITE,
    OWNERS,
    QUESTION_WORDS,
    SUBJECTS,
    Edit,
    after,
    before,
    one_of,
    words_of,
)

AUXILIARY_NOT = re.compile(
    r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|wo|ca|sha)n['’]t\b",
    re.I,
)
NOT = re.compile(
    r"\b(?:(do|does|did|is|are|was|were|has|have|had|would|could|should|will) not|cannot)\b", re.I
)
LONG = {"wo": "will not", "ca": "cannot", "sha": "shall not"}
SHORT = {"will": "won't", "": "can't"}
INVERTED = SUBJECTS | INDEFINITE | words_of("i there this that these those")
# What makes sure that the verb before it is `is` (`are`, `am`), and what that it is `has`.
BEING = rf"(?:a|an|the|very|my|{'|'.join(sorted(OWNERS))}|not (?:a|an|the|very)|\w+ing)"
HAVING = "(?:(?:never |always |already )?(?:been|got|had))"
DONE = "(?:been|got|seen|done|gone|made|had|taken|given|found|lost|heard|told|known|forgotten)"
WISHING = "(?:like|love|rather|prefer|be|have|say)"
# Pronoun, its short verb, its long verb, what follows, and whether the short form may be made.
FORMS = [
    ("I", "m", "am", BEING, True),
    ("I", "m", "am", r"\w+", False),
    ("you|we|they", "re", "are", BEING, True),
    ("you|we|they", "re", "are", r"\w+", False),
    ("he|she|it|that", "s", "is", BEING, True),
    ("what|who|where|here", "s", "is", "(?:a|an|the|my|your|his|their|our)", False),
    ("there", "s", "is", "(?:a|an|no)", True),
    ("he|she|it", "s", "has", HAVING, True),
    ("I|you|we|they", "ve", "have", DONE, True),
    ("I|you|we|they", "ve", "have", r"\w+", False),
    ("I|you|he|she|we|they", "ll", "will", r"(?:be|have|go|get|take|make|do|see|come|give)", True),
    ("I|you|he|she|it|we|they|that|there", "ll", "will", r"\w+", False),
    ("I|you|he|she|we|they", "d", "would", WISHING, True),
    ("I|you|he|she|we|they", "d", "had", "(?:better|been)", True),
    ("let", "s", "us", r"\w+", False),
]
# "What it is in English", "you and I will", "could we have": no short form behind these.
STRESSED = AUXILIARIES | QUESTION_WORDS | words_of("and or nor than as like")


def expansions(sentence: str) -> Iterator[Edit]:
    """Every contraction that has one certain long form in the same place."""
    for found in AUXILIARY_NOT.finditer(sentence):
        start, end = found.span()
        asking = QUESTION_WORDS - {"who", "which"} | {""}
        first = before(sentence, start)
        order = (found[1].lower() == "do" and start == 0) or first not in asking
        if order and after(sentence, end) not in INVERTED:
            yield Edit(start, end, LONG.get(found[1].lower(), f"{found[1]} not"))
    for pronoun, short, long, following, _ in FORMS:
        for found in re.finditer(rf"\b({pronoun})['’]{short}(?= {following}\b)", sentence, re.I):
            # "What's the man got?"
            has = long == "is" and re.search(r"\b(?:got|been|done|had)\b", sentence[found.end() :])
            if not has:
                yield Edit(*found.span(), f"{found[1]} {long}")


def contractions(sentence: str) -> Iterator[Edit]:
    """Every long form that can be contracted, with the sentence's own kind of apostrophe."""
    mark = "’" if "’" in sentence else "'"
    for found in NOT.finditer(sentence):
        start, end = found.span()
        asking = start == 0 and (found[1] or "").lower() != "do"
        if not asking and after(sentence, end) not in INVERTED | {"only", "but", "merely", "even"}:
            short = SHORT.get((found[1] or "").lower(), f"{found[1]}n't")
            yield Edit(start, end, short.replace("'", mark))
    for pronoun, short, long, following, both in FORMS:
        pattern = rf"\b({pronoun}) {long}(?= {following}\b)"
        for found in re.finditer(pattern, sentence, re.I) if both else ():
            if before(sentence, found.start()) not in STRESSED:
                yield Edit(*found.span(), f"{found[1]}{mark}{short}")


def contraction(dice: Dice, sentence: str) -> str | None:
    """One contraction made or undone.

    >>> [contraction(Dice(0), "I don't know."), contraction(Dice(0), "It is a dog.")]
    ['I do not know.', "It's a dog."]
    """
    return one_of(dice, sentence, sorted({*expansions(sentence), *contractions(sentence)}))

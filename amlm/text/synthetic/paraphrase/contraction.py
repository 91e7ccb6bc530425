"""Contractions and full forms: "don't" and "do not", "it's a" and "it is a".

Only where the long form is unambiguous ('s is `is`, `has` or a possessive, 'd is `had` or `would`),
where the word order stays the same ("don't you?" is not "do not you?"), and never at the end of a
clause ("Yes, it is.").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.text.synthetic.paraphrase.edits import (
    AUXILIARIES,
    INVERTED,
    OWNERS,
    QUESTION_WORDS,
    Edit,
    word_after,
    word_before,
    words_of,
)

SHORT_NOT = re.compile(
    r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|wo|ca|sha)n['’]t\b",
    re.I,
)
LONG_NOT = re.compile(
    r"\b(?:(do|does|did|is|are|was|were|has|have|had|would|could|should|will) not|cannot)\b", re.I
)
LONG = {"wo": "will not", "ca": "cannot", "sha": "shall not"}
SHORT = {"will": "won't", "": "can't"}
# Words after which an ambiguous short verb is certainly `is` (`are`, `am`), or certainly `has`.
BEING = rf"(?:a|an|the|very|{'|'.join(sorted(OWNERS))}|not (?:a|an|the|very)|\w+ing)"
HAVING = "(?:(?:never |always |already )?(?:been|got|had))"
DONE = "(?:been|got|seen|done|gone|made|had|taken|given|found|lost|heard|told|known|forgotten)"
# Pronoun, short verb, long verb, following words, and whether the verb may also be contracted.
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
    ("I|you|he|she|we|they", "ll", "will", "(?:be|have|go|get|take|make|do|see|come|give)", True),
    ("I|you|he|she|it|we|they|that|there", "ll", "will", r"\w+", False),
    ("I|you|he|she|we|they", "d", "would", "(?:like|love|rather|prefer|be|have|say)", True),
    ("I|you|he|she|we|they", "d", "had", "(?:better|been)", True),
    ("let", "s", "us", r"\w+", False),
]
# "What it is in English", "you and I will", "could we have": no contraction after these.
STRESSED = AUXILIARIES | QUESTION_WORDS | words_of("and or nor than as like")


def contraction_edits(sentence: str) -> Iterator[Edit]:
    """Every possible contraction and expansion.

    >>> [edit.text for edit in contraction_edits("I don't know.")]
    ['do not']
    >>> [edit.text for edit in contraction_edits("It is a dog.")]
    ["It's"]
    """
    apostrophe = "’" if "’" in sentence else "'"
    for found in SHORT_NOT.finditer(sentence):
        start, end, verb = *found.span(), found[1].lower()
        asking = word_before(sentence, start) in QUESTION_WORDS - {"who", "which"} | {""}
        imperative = verb == "do" and start == 0
        if (imperative or not asking) and word_after(sentence, end) not in INVERTED:
            yield Edit(start, end, LONG.get(verb, f"{found[1]} not"))
    for found in LONG_NOT.finditer(sentence):
        start, end, verb = *found.span(), (found[1] or "").lower()
        asking = start == 0 and verb != "do"
        stressed = INVERTED | {"only", "but", "merely", "even"}
        if not asking and word_after(sentence, end) not in stressed:
            short = SHORT.get(verb, f"{found[1]}n't")
            yield Edit(start, end, short.replace("'", apostrophe))
    for pronoun, short, long, following, both in FORMS:
        for found in re.finditer(rf"\b({pronoun})['’]{short}(?= {following}\b)", sentence, re.I):
            # "What's the man got?"
            has = long == "is" and re.search(r"\b(?:got|been|done|had)\b", sentence[found.end() :])
            if not has:
                yield Edit(*found.span(), f"{found[1]} {long}")
        pattern = rf"\b({pronoun}) {long}(?= {following}\b)"
        for found in re.finditer(pattern, sentence, re.I) if both else ():
            if word_before(sentence, found.start()) not in STRESSED:
                yield Edit(*found.span(), f"{found[1]}{apostrophe}{short}")

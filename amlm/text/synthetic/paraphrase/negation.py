"""Adds or removes a negation, only where no other word would have to change.

`not` is added after the first auxiliary; when it is removed, the auxiliary stays ("doesn't like",
"does like"), so that no verb changes its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.text.synthetic.paraphrase.contraction import BEING
from amlm.text.synthetic.paraphrase.edits import (
    INVERTED,
    QUESTION_WORDS,
    Edit,
    word_after,
    word_before,
    words_of,
)

NEGATIVES = words_of(
    "not never no nobody nothing none neither nor nowhere hardly scarcely barely without cannot"
)
# Words that require a negation, change with it, or have scope over what follows.
POLAR = words_of(
    "any anymore anything anyone anybody anywhere either yet ever until till much many long bother "
    "mind help stand wait bear afford least at all else but only just even necessarily exactly "
    "really quite some something someone somebody somewhere too also already still almost both "
    "always often perhaps probably certainly maybe rather about usually sometimes mainly mostly "
    "well supposed damn pretty years how"
)
KNOWING = re.compile(r"\b(?:know|sure|see|care) (?:if|whether)\b")  # may include its own negation
NEGATED = re.compile(
    r"\b(do|does|did|is|are|was|were|am|has|have|had|would|could|should|wo|ca|can|will)"
    r"(?:n['’]t| ?not)\b",
    re.I,
)
# A contraction that is certainly a form of `be`, or an auxiliary not preceded by an article.
AFFIRMED = re.compile(
    rf"\b(?i:(?:I|you|we|they)['’](?:m|re)|(?:he|she|it|that)['’]s(?= {BEING}\b))"
    r"|(?<=\w )(?<!\bthe )(?<!\ba )(?:am|is|are|was|were|will|can|could|should|would|must)\b"
)


def negation_edits(sentence: str) -> Iterator[Edit]:
    """Adds or removes one negation in a statement or command.

    >>> [edit.apply("She isn't tall.") for edit in negation_edits("She isn't tall.")]
    ['She is tall.']
    >>> [edit.apply("It's a dog.") for edit in negation_edits("It's a dog.")]
    ["It's not a dog."]
    """
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", sentence.lower())
    unsure = POLAR & {*words} or KNOWING.search(sentence) or any(w.endswith("ly") for w in words)
    if sentence[-1] == "?" or words[0] in QUESTION_WORDS or unsure:
        return
    negatives = sum(word in NEGATIVES or word.endswith(("n't", "n’t")) for word in words)
    if negatives == 0 and (found := AFFIRMED.search(sentence)):
        if word_after(sentence, found.end()) not in INVERTED | {""}:
            yield Edit(found.end(), found.end(), "not" if found[0] == "can" else " not")
    elif negatives == 1 and (found := NEGATED.search(sentence)):
        start, end = found.span()
        verb = {"wo": "will", "ca": "can"}.get(found[1].lower(), found[1])
        before, after = word_before(sentence, start), word_after(sentence, end)
        if not after or after in INVERTED or before in QUESTION_WORDS | {"and", "or"}:
            return
        if verb.lower() != "do":
            yield from [Edit(start, end, verb)] if before else []
        elif before not in ("he", "she", "it", "that", "everybody"):  # "she don't": not "she do"
            yield Edit(start, end + 1, "")

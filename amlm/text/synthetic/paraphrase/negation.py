"""Negation put in or taken out, with `do` where a verb needs it.

Only in statements, with one clause where a `not` is put in, and never where another word hangs on
the negation (any, yet, until) or would have to change with it (some, too, already).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlm.sample.structures import SINGULAR
from amlm.sample.syntax import SUBJECT, negative
from amlm.sample.words import Dice, Verb
from amlm.text.synthetic.paraphrase.contraction import BEING, INVERTED
from amlm.text.synthetic.paraphrase.noun_phrases import noun_phrases
from amlm.text.synthetic.paraphrase.sentences import (
    CONJUNCTIONS,
    NEGATIVES,
    QUESTION_WORDS,
    Edit,
    after,
    before,
    edited,
    one_of,
    small,
    words_of,
)
from amlm.text.synthetic.paraphrase.verbs import BASE, PAST, THIRD

OWNING = Verb("have", "has", "had", "had", "having")
BARE = words_of("is are was were am will would can could should must")
CANNOT = {"can": "cannot"}
# Hang on a negation, are changed by it, or are said of all that follows.
POLAR = words_of(
    "any anymore anything anyone anybody anywhere either yet ever until till much long bother mind "
    "help stand wait bear afford least at all else but only just even necessarily exactly really "
    "quite some something someone somebody somewhere too also already still almost both always "
    "often perhaps probably certainly maybe rather about usually sometimes mainly mostly well "
    "supposed"
)
CLAUSES = CONJUNCTIONS | QUESTION_WORDS


def negation(dice: Dice, sentence: str) -> str | None:
    """One negation more or less.

    >>> [negation(Dice(0), text) for text in ("She isn't tall.", "He went home.")]
    ['She is tall.', 'He did not go home.']
    """
    if sentence[-1] not in ".!":
        return None
    said = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", sentence.lower())
    negated = [word for word in said if word in NEGATIVES or re.search("n['’]t$", word)]
    if len(negated) > 1:
        return None
    if negated:
        return None if set(said) & POLAR else one_of(dice, sentence, list(_removals(sentence)))
    if set(said[1:]) & (POLAR | CLAUSES) or any(word.endswith("ly") for word in said):
        return None
    return None if "," in sentence else _inserted(dice, sentence)


# --- out ------------------------------------------------------------------------------------------

NEGATED = re.compile(
    r"\b(do|does|did|is|are|was|were|am|has|have|had|would|could|should|wo|ca|can|will)"
    r"(?:n['’]t| ?not)\b",
    re.I,
)


def _removals(sentence: str) -> Iterator[Edit]:
    for found in NEGATED.finditer(sentence):
        start, end = found.span()
        auxiliary = {"wo": "will", "ca": "can"}.get(found[1].lower(), found[1].lower())
        first, follow = before(sentence, start), after(sentence, end)
        asking = first in QUESTION_WORDS | {"and", "or"} or follow in INVERTED
        if not first or not follow or asking:
            continue
        if auxiliary not in ("do", "does", "did"):
            yield Edit(start, end, auxiliary)
        elif auxiliary == "do":
            yield Edit(start, end + 1, "")
        elif follow in BASE or follow == "have":
            verb = BASE.get(follow, OWNING)
            yield Edit(
                start, end + 1 + len(follow), verb.third if auxiliary == "does" else verb.past
            )
    imperative = re.match(r"(?:Don['’]t|Do not) (?!you\b|we\b|they\b|I\b)([a-z]+)", sentence)
    if imperative:
        yield Edit(0, imperative.end(), imperative[1])


# --- in -------------------------------------------------------------------------------------------

SHORT_SUBJECT = re.compile(r"(I|you|he|she|it|we|they|that|there)(['’])(m|re|s|ll)\b", re.I)
FULL = {"m": "am", "re": "are", "s": "is", "ll": "will"}


def _inserted(dice: Dice, sentence: str) -> str | None:
    contracted = dice.chance(0.5)
    if found := SHORT_SUBJECT.match(sentence):
        if found[3].lower() == "s" and not re.match(rf" {BEING}", sentence[found.end() :]):
            return None
        if not after(sentence, found.end()):
            return None
        if found[3] == "ll":
            return edited(sentence, Edit(found.start(2), found.end(), " will not"))
        return edited(sentence, Edit(found.end(), found.end(), " not"))
    lowered = small(sentence)
    if lowered is None or re.search("['’]", sentence):
        return None
    words = lowered[:-1].split()
    subjects = [(np.agreement, np.said, place) for np, place in noun_phrases(words, 0, SUBJECT)]
    if words[0] in ("this", "that", "there") and words[1] in BARE:
        subjects.append(((3, SINGULAR, "n"), "full", 1))
    for (person, number, _), said, place in subjects:
        if place + 1 >= len(words):
            continue
        verb, start = words[place], len(" ".join(words[:place])) + 1
        third = person == 3 and number == SINGULAR
        auxiliary, base = _support(verb, words[place + 1], third, said == "pronoun")
        if auxiliary:
            text = negative(auxiliary) if contracted else CANNOT.get(auxiliary, f"{auxiliary} not")
            return edited(sentence, Edit(start, start + len(verb), f"{text} {base}".strip()))
    return None


def _support(verb: str, follow: str, third: bool, pronoun: bool) -> tuple[str, str]:
    """The auxiliary that takes the `not`, and the base of a verb that had none; "" if unsure."""
    if verb in BARE:
        return verb, ""
    having = verb in ("has", "have", "had")
    if having:
        if follow in ("been", "got"):
            return ("", "") if follow == "got" else (verb, "")
        owned = follow in words_of("a an the this that these those two three four five")
        auxiliary = {"has": "does", "have": "do", "had": "did"}[verb]
        return (auxiliary, "have") if owned else ("", "")
    same = verb in PAST and verb in BASE  # "I put": do or did?
    if verb in PAST and not (same and (PAST[verb] is BASE[verb] and not third)):
        return "did", PAST[verb].base
    if pronoun and third and verb in THIRD:
        return "does", THIRD[verb].base
    if pronoun and not third and verb in BASE and not same:
        return "do", verb
    return "", ""

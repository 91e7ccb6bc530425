"""Noun phrases, recognised for sure: determiner and noun, pronoun, or name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from amlm.sample.structures import NP, PLURAL, SINGULAR
from amlm.sample.syntax import OBJECT, PRONOUNS
from amlm.sample.words import NOUNS, Noun
from amlm.text.synthetic.paraphrase.frames import ADJECTIVES
from amlm.text.synthetic.paraphrase.sentences import CLOSED, NAMES, NUMERALS, words_of

ANIMATE = "animate"
ONE = words_of("a an this that every each another no")
MANY = words_of("these those both many several few") | frozenset(NUMERALS)
EITHER = words_of("the some my your his her our their its")
SINGULARS = {noun.lemma: noun for noun in NOUNS if noun.lemma != noun.plural}
PLURALS = {noun.plural: noun for noun in NOUNS if noun.lemma != noun.plural}
# Plurals without an s of their own, and words that are the same in both numbers.
OTHER_PLURALS = words_of("people police cattle media data men women children feet teeth bacteria")
UNSURE = words_of("fish sheep deer series species news means aircraft headquarters majority rest")
NO_PLURAL = re.compile(r".*(?:ss|us|is|ics)$")
# Heads that are adjectives, and words that stand before a noun but are none.
NO_HEAD = words_of("other same first second third next best worst old young rich poor whole only")
PLACES = frozenset(map(str.capitalize, CLOSED)) | words_of(
    "Lake Mount River Cape Fort Port San Saint North South East West New The In On"
)


def number_of(determiner: str, head: str) -> str | None:
    """The number of a phrase, None where it is not sure."""
    if head in UNSURE:
        return None
    plural = head in PLURALS or head in OTHER_PLURALS or head.endswith(("men", "people"))
    if not plural and head not in SINGULARS and head.endswith("s"):
        if NO_PLURAL.fullmatch(head):
            return SINGULAR if determiner in ONE else None
        plural = True
    if (determiner in ONE and plural) or (determiner in MANY and not plural):
        return None
    return PLURAL if plural else SINGULAR


def noun_phrases(words: Sequence[str], start: int, case: int) -> Iterator[tuple[NP, int]]:
    """Yields the phrases that may begin at a word, each with the place behind it.

    Args:
        words: of a sentence, the first one in lower case unless it is a name.
        case: `SUBJECT` or `OBJECT`, for pronouns.
    """
    if start >= len(words):
        return
    for agreement, forms in PRONOUNS.items():
        if words[start] == forms[case] and agreement[2] != "c":
            person, number, gender = agreement
            tags = frozenset() if gender == "n" else frozenset({ANIMATE})
            who = Noun(words[start], words[start], tags)
            yield NP(who, number, "", gender=gender, person=person, said="pronoun"), start + 1
            break
    for np, end in (*_named(words, start), *_described(words, start)):
        yield np, end
        yield from _with_of(words, np, end)


def _with_of(words: Sequence[str], np: NP, end: int) -> Iterator[tuple[NP, int]]:
    """The phrase with the one that `of` joins to it: the flag of Finland."""
    if end + 1 < len(words) and words[end] == "of" and np.noun.lemma[0].islower():
        for owner, last in noun_phrases(words, end + 1, OBJECT):
            if owner.said == "full":
                text = f"{np.noun.lemma} of {owner.noun.lemma}"
                yield replace(np, noun=Noun(text, text, np.noun.tags)), last


def _named(words: Sequence[str], start: int) -> Iterator[tuple[NP, int]]:
    first = start + (words[start] == "the")
    end = first
    while end < len(words) and re.fullmatch(r"[A-Z][a-z]+(?:-[A-Z][a-z]+)?", words[end]):
        end += 1
    name, count = words[first:end], end - first
    known = 0 < count < 3 and name[0] in NAMES and first == start
    # One capital at the beginning is every sentence's; "the Beatles" and "Athens" look alike.
    sure = 0 < count < 4 and not name[-1].endswith("s")
    inside, several = sure and count == 1 and start > 0, sure and count > 1
    if (inside or several or known) and not PLACES & set(name):
        text = " ".join(words[start:end])
        animate = frozenset({ANIMATE}) if known else frozenset()
        yield NP(Noun(text, text, animate), SINGULAR, ""), end


def _described(words: Sequence[str], start: int) -> Iterator[tuple[NP, int]]:
    determiner = words[start]
    if determiner not in ONE | MANY | EITHER:
        return
    for end in (start + 2, start + 3):
        body = words[start + 1 : end]
        if end > len(words) or not all(re.fullmatch("[a-z]+(?:-[a-z]+)?", word) for word in body):
            return
        head, number = body[-1], number_of(determiner, body[-1])
        open_class = not set(body) & CLOSED and not any(word.endswith("ly") for word in body)
        known = SINGULARS.get(head) or PLURALS.get(head)
        # Not "the boy sing": a noun, and a word that may be anything.
        other = known and body[0] not in SINGULARS and body[0] not in PLURALS
        described = len(body) == 1 or body[0] in ADJECTIVES or other
        adjective = head in NO_HEAD or (head in ADJECTIVES and head not in SINGULARS)
        if not (open_class and described and number) or adjective:
            continue
        tags = frozenset({ANIMATE}) if known and ANIMATE in known.tags else frozenset()
        text = " ".join(words[start:end])
        yield NP(Noun(text, text, tags), number, ""), end

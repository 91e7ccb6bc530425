"""What the changes of sentences share: which lines they take, closed classes of words, edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from amlm.sample.syntax import OBJECT, POSSESSIVE, PRONOUNS, REFLEXIVE, SUBJECT
from amlm.sample.words import NOUNS, Dice

# A change of a sentence: the changed sentence, or None where the change does not apply for sure.
Change: TypeAlias = Callable[[Dice, str], "str | None"]


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


def either(words: Iterable[str]) -> str:
    """The words as a pattern of one group, longer ones first."""
    return f"(?:{'|'.join(sorted(words, key=lambda word: (-len(word), word)))})"


def _case(case: int) -> frozenset[str]:
    return frozenset(forms[case] for forms in PRONOUNS.values())


SUBJECTS, OBJECTS, REFLEXIVES = _case(SUBJECT), _case(OBJECT), _case(REFLEXIVE)
OWNERS = _case(POSSESSIVE)
ARTICLES = words_of("the a an this that these those some any no every each another both")
DETERMINERS = ARTICLES | OWNERS
QUESTION_WORDS = words_of("who whom whose what which when where why how whatever whoever whenever")
CONJUNCTIONS = words_of(
    "and or but nor so because although though if unless until while when as than whether that "
    "since before after once"
)
PREPOSITIONS = words_of(
    "in on at with from into through for near to during under over behind across along around "
    "against between inside outside toward towards onto upon within of by about like off up out"
)
AUXILIARIES = words_of(
    "am is are was were be been being do does did have has had will would can could shall should "
    "may might must cannot"
)
NEGATIVES = words_of(
    "not never no nobody nothing none neither nor nowhere hardly scarcely barely without cannot"
)
ADVERBS = words_of(
    "also always again already almost away back down even ever far first here home however indeed "
    "instead just last later maybe more most much never next not now often once only perhaps quite "
    "rather really sometimes soon still then there therefore thus today together tomorrow tonight "
    "too twice usually very well yesterday yet please all both such enough else"
)
INDEFINITE = words_of(
    "everyone everybody everything someone somebody something anyone anybody anything nobody "
    "nothing none one ones other others another same many few several most"
)
NUMERALS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
# Words that are never a noun, an adjective or the verb of a clause.
CLOSED = (
    SUBJECTS | OBJECTS | REFLEXIVES | DETERMINERS | QUESTION_WORDS | CONJUNCTIONS | PREPOSITIONS
    | AUXILIARIES | NEGATIVES | ADVERBS | INDEFINITE | words_of(" ".join(NUMERALS))
)  # fmt: skip
NAMES = frozenset(noun.lemma for noun in NOUNS if "name" in noun.tags)

MIN_WORDS, MAX_WORDS = 3, 30
# One sentence to its one mark; no quotation, bracket or speaker's code, apostrophes in words only.
SENTENCE = re.compile(r"[^\W\d_](?:[\w ,;–—-]|(?<=\w)['’](?=\w))*[.!?]")


def takes(text: str) -> bool:
    """Whether a line is one plain sentence of 3 to 30 words."""
    return bool(
        MIN_WORDS <= len(text.split()) <= MAX_WORDS
        and SENTENCE.fullmatch(text)
        and not re.search(r"\b[A-Z]{2,}\b.*\b[A-Z]{2,}\b|_|\bxxx\b", text)  # shouted
        and not re.search(r" [^\w]|[–—-](?!\w)", text)  # broken off, or marks apart
        and not re.search(r"\b(?:Mrs?|Ms|Dr|St|[A-Z])\.$", text)  # broken at an abbreviation
        and not re.search(r"(?i)\b([\w'’]+)[ ,-]+\1\b", text)  # stammered
    )


class Edit(NamedTuple):
    """A part of a sentence and what may stand there instead."""

    start: int
    end: int
    text: str


def edited(sentence: str, edit: Edit) -> str:
    """The sentence with the edit made; at the beginning the capital is kept."""
    text = edit.text
    if edit.start == 0 and sentence[0].isupper():
        text = capital(text)
    return sentence[: edit.start] + text + sentence[edit.end :]


def one_of(dice: Dice, sentence: str, edits: list[Edit]) -> str | None:
    """The sentence with one of the edits made."""
    return edited(sentence, dice.one(edits)) if edits else None


def before(sentence: str, start: int) -> str:
    """The word in front of a place, in lower case; "" at the beginning and after a mark."""
    found = re.search(r"(\S+) $", sentence[:start])
    return found[1].lower() if found and found[1][-1] not in ",;–—-" else ""


def after(sentence: str, end: int) -> str:
    """The word behind a place, in lower case; "" at the end and before a mark."""
    found = re.match(r" ([\w'’]+)", sentence[end:])
    return found[1].lower() if found else ""


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def small(text: str) -> str | None:
    """A sentence's beginning as it is inside one; None where its first word may be a name."""
    first = re.split(r"[ ,'’]", text, maxsplit=1)[0]
    if first == "I" or first in NAMES:
        return text
    return text[0].lower() + text[1:] if first.lower() in CLOSED or first[0].islower() else None

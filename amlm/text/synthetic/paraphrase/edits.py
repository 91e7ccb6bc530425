"""Edits of a sentence, the words around a position, and the closed word classes of the rules."""

from __future__ import annotations

import re
from typing import NamedTuple


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


OWNERS = words_of("my your his her its our their")
DETERMINERS = OWNERS | words_of("the a an this that these those some no every each another")
AUXILIARIES = words_of(
    "am is are was were be been being do does did have has had will would can could shall should "
    "may might must cannot"
)
QUESTION_WORDS = words_of("who whom whose what which when where why how whatever whoever whenever")
# After a negated verb, these indicate a question: "isn't it", "do not they".
INVERTED = words_of(
    "i you he she it we they there this that these those everyone everybody everything someone "
    "somebody something anyone anybody anything nobody nothing none one ones other others many few "
    "several most"
)


class Edit(NamedTuple):
    """A part of a sentence, and its replacement."""

    start: int
    end: int
    text: str

    def apply(self, sentence: str) -> str:
        """The edited sentence; an initial capital is kept."""
        text = sentence[: self.start] + self.text + sentence[self.end :]
        return text[0].upper() + text[1:] if sentence[0].isupper() else text


def word_before(sentence: str, start: int) -> str:
    """The word before a position, in lower case; "" at the start and after punctuation."""
    found = re.search(r"([^\s,;–—-]+) $", sentence[:start])
    return found[1].lower() if found else ""


def word_after(sentence: str, end: int) -> str:
    """The word after a position, in lower case; "" at the end and before punctuation."""
    found = re.match(r" ([\w'’]+)", sentence[end:])
    return found[1].lower() if found else ""

"""What is made of words, of which most of a text repeats: made once, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from amlm.util.chunks import CHUNK_CHARACTERS

Made = TypeVar("Made")


class WordCache(Generic[Made]):
    """Maps words to what a function makes of them.

    Args:
        make: is given distinct words, several at once.
    """

    def __init__(self, make: Callable[[list[str]], Iterable[Made]]) -> None:
        self._make = make
        self._made: dict[str, Made] = {}
        self._characters = 0

    def of(self, words: list[str]) -> Iterator[Made]:
        """Yields what each word becomes; to be read before the next call."""
        new = set(words).difference(self._made)
        if new and self._characters > CHUNK_CHARACTERS:
            self._made.clear()
            self._characters, new = 0, set(words)
        if new:
            self._characters += sum(map(len, new))
            ordered = list(new)
            self._made.update(zip(ordered, self._make(ordered), strict=True))
        return map(self._made.__getitem__, words)

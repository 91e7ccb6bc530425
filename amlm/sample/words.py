"""Words as objects, and the pools from which they are drawn.

Every draw uses only `random.Random.random()`, the one method whose sequence Python guarantees, and
pools are built from sequences, never from sets. The same seed therefore gives the same text in
every process and version.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Generic, TypeVar

from amlm.sample import lexicon, verb_lexicon
from amlm.sample.morphology import attach, with_s

T = TypeVar("T")


class Pool(Generic[T]):
    """Items with weights; by default Zipfian weights by rank, flattened at the top."""

    def __init__(
        self, items: Sequence[T], weights: Sequence[float] | None = None, flat: float = 2.0
    ) -> None:
        assert items, "a pool needs items"
        self.items = items
        weights = weights or [1 / (rank + flat) for rank in range(len(items))]
        # `accumulate` adds one by one; `sum` rounds differently from Python 3.12 on.
        self.bounds = list(accumulate(weights))


class Dice(random.Random):
    """A named source of random choices, e.g. `Dice("sample 0")`."""

    def one(self, items: Sequence[T]) -> T:
        """One of the items, with equal probability."""
        return items[int(self.random() * len(items))]

    def draw(self, pool: Pool[T]) -> T:
        """One of the pool's items, with probability proportional to its weight."""
        return pool.items[bisect(pool.bounds, self.random() * pool.bounds[-1])]

    def chance(self, probability: float) -> bool:
        return self.random() < probability


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun or a name. Its lemma is one of its tags, so that a verb can select it alone."""

    lemma: str
    plural: str
    tags: frozenset[str]
    weight: float = 1.0

    @property
    def gender(self) -> str:
        """m, f, n, or c (common: a person of either gender)."""
        if "human" not in self.tags:
            return "n"
        return "m" if "male" in self.tags else "f" if "female" in self.tags else "c"

    @property
    def countable(self) -> bool:
        """Whether there is a plural that differs from the singular."""
        return self.plural != self.lemma and not self.tags & {"mass", "parent", "name"}


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb with its forms and its frame: the tags of its subjects, objects and companions."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    particle: str = ""
    marks: str = ""
    subjects: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    companions: tuple[tuple[str, str], ...] = ()  # (preposition, tags)
    needs_companion: bool = False

    @property
    def lemma(self) -> str:
        return f"{self.base} {self.particle}".strip()


def make_noun(entry: str, tags: str = "", rank: int = 0) -> Noun:
    """A noun from `singular/plural`; its weight depends on its rank in the group."""
    lemma, _, plural = entry.replace("_", " ").partition("/")
    return Noun(lemma, plural or with_s(lemma), frozenset([*tags.split(), lemma]), 1 / (rank + 2))


def make_verb(forms: str, subjects: str = "", objects: str = "", companions: str = "") -> Verb:
    """A verb from the columns of `verb_lexicon.VERBS`."""
    body = forms.rstrip("=.^~>")
    main, _, particle = body.partition(" ")
    base, past, participle = (*main.split("/"), "", "")[:3]
    past = past or attach(base, "ed")
    beside: dict[str, str] = {}
    for word in companions.lstrip("!").split():
        preposition, colon, tag = word.partition(":")
        # A word without a colon is a further tag for the preceding preposition.
        preposition = preposition if colon else next(reversed(beside))
        beside[preposition] = f"{beside.get(preposition, '')} {tag if colon else word}".strip()
    return Verb(
        base,
        "has" if base == "have" else with_s(base),
        past,
        participle or past,
        attach(base, "ing"),
        particle,
        forms.removeprefix(body),
        frozenset(subjects.split()),
        frozenset(objects.replace("-", "").split()),
        tuple(beside.items()),
        companions.startswith("!"),
    )


def _read_nouns() -> list[Noun]:
    found: dict[str, Noun] = {}
    for header, words in lexicon.NOUNS.items():
        for rank, entry in enumerate(words.split()):
            noun = make_noun(entry, header, rank)
            known = found.get(noun.lemma)
            found[noun.lemma] = replace(known, tags=known.tags | noun.tags) if known else noun
    return list(found.values())


NOUNS = _read_nouns()
VERBS = [
    make_verb(*map(str.strip, row.split("|"))) for row in verb_lexicon.VERBS.strip().splitlines()
]
NOUN = {noun.lemma: noun for noun in NOUNS}
VERB = {verb.lemma: verb for verb in reversed(VERBS)}  # the first of each lemma
BE = Verb("be", "is", "was", "been", "being")
DO, HAVE = make_verb("do/did/done"), make_verb("have/had/had")


@cache
def nouns(tags: str | frozenset[str], names: bool = False) -> Pool[Noun]:
    """The nouns with one of the tags; names only if requested."""
    wanted = frozenset(tags.split()) if isinstance(tags, str) else tags
    found = [n for n in NOUNS if wanted & n.tags and (names or "name" not in n.tags)]
    return Pool(found, [n.weight for n in found])


@cache
def adjectives(tags: frozenset[str]) -> Pool[tuple[int, str]] | None:
    """The adjectives that can modify a noun with these tags, each with its position in stacks."""
    found = dict.fromkeys(
        (rank, word)
        for rank, header, words in lexicon.ADJECTIVES
        if tags & frozenset(header.split())
        for word in words.split()
    )
    return Pool(list(found), flat=8.0) if found else None


@cache
def verbs(subject: frozenset[str], obj: frozenset[str] | None = None) -> Pool[Verb] | None:
    """The verbs that allow such a subject and, if tags are given, such an object."""
    found = {
        verb: 1 / (rank + 12)
        for rank, verb in enumerate(VERBS)
        if subject & verb.subjects and (obj is None or obj & verb.objects)
    }
    return Pool(list(found), list(found.values())) if found else None


def verb_list(table: str) -> list[Verb]:
    """Verbs without frames, from a list of forms."""
    return [make_verb(forms) for forms in table.split()]

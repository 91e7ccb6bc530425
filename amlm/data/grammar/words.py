"""Words as objects: inflection, derivation, and the pools from which words are drawn.

Every draw is a function of `random.Random.random()` alone, the one method whose sequence Python
promises to keep, and pools are built from sequences, never from sets: the same seed gives the same
text in every process and version.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Generic, TypeVar

from amlm.data.grammar import lexicon

T = TypeVar("T")
VOWELS = "aeiou"


class Pool(Generic[T]):
    """Items with weights; without weights, Zipf's law by rank, flattened at the top by `flat`."""

    def __init__(
        self, items: Sequence[T], weights: Sequence[float] | None = None, flat: float = 2.0
    ) -> None:
        assert items, "a pool needs items"
        self.items = items
        # `accumulate` adds in plain order; `sum` rounds differently from Python 3.12 on.
        self.bounds = list(accumulate(weights or [1 / (rank + flat) for rank in range(len(items))]))


class Dice(random.Random):
    """A named, seeded source of choices."""

    def one(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self.random() * len(items))]

    def draw(self, pool: Pool[T]) -> T:
        """One of the pool's items by their weights."""
        return pool.items[bisect(pool.bounds, self.random() * pool.bounds[-1])]

    def chance(self, probability: float) -> bool:
        return self.random() < probability


# --- spelling -----------------------------------------------------------------------------------


def attach(stem: str, suffix: str) -> str:
    """A stem with a suffix that begins with a vowel: bake+er, carry+ed, stop+ing, dax+ish.

    >>> [attach("bake", "er"), attach("carry", "ed"), attach("carry", "ing"), attach("wug", "ish")]
    ['baker', 'carried', 'carrying', 'wuggish']
    """
    if stem.endswith("ie") and suffix == "ing":
        return stem[:-2] + "ying"
    if stem.endswith("e") and not (stem[-2:] in ("ee", "oe", "ye") and suffix[0] != "e"):
        return stem[:-1] + suffix
    if stem.endswith("y") and stem[-2] not in VOWELS and suffix[0] != "i":
        return stem[:-1] + "i" + suffix
    short = len(re.findall("[aeiouy]+", stem)) == 1
    if short and re.search("[^aeiouy][aeiou][^aeiouwxy]$", stem):
        return stem + stem[-1] + suffix
    return stem + suffix


def with_s(stem: str) -> str:
    """The regular plural of a noun and third person of a verb."""
    if stem.endswith("y") and stem[-2] not in VOWELS:
        return stem[:-1] + "ies"
    if stem.endswith(("s", "x", "z", "ch", "sh")) or stem in ("go", "do", "potato", "tomato"):
        return stem + "es"
    return stem + "s"


def article(following: str) -> str:
    """`a` or `an` before a word."""
    spoken = following.startswith(("useful", "one", "uni"))
    return "an" if following[0] in VOWELS and not spoken else "a"


def an(word: str) -> str:
    """The word with its article."""
    return f"{article(word)} {word}"


# --- derivation ---------------------------------------------------------------------------------

# Which suffix makes a noun of an adjective depends on its ending alone, without exception.
NOMINALIZERS = {
    "able": "ity", "ic": "ity", "al": "ity",
    "ish": "ness", "ive": "ness", "ous": "ness", "ful": "ness", "less": "ness",
}  # fmt: skip


def nominalizer(adjective: str) -> str:
    """`ity` or `ness`, by the adjective's ending; `ness` for all endings that the table lacks."""
    return next((s for end, s in NOMINALIZERS.items() if adjective.endswith(end)), "ness")


def nominalize(adjective: str, suffix: str = "") -> str:
    """The quality noun of an adjective, with its own suffix or a given one.

    >>> [nominalize("blickable"), nominalize("wuggish"), nominalize("happy"), nominalize("able", "ness")]
    ['blickability', 'wuggishness', 'happiness', 'ableness']
    """
    suffix = suffix or nominalizer(adjective)
    if suffix == "ity":
        return (
            re.sub("(able|e)$", lambda end: "abil" if end[0] == "able" else "", adjective) + suffix
        )
    return re.sub("(?<=[^aeiou])y$", "i", adjective) + suffix


def adverb(adjective: str) -> str:
    """The manner adverb of an adjective."""
    if adjective.endswith("ic"):
        return adjective + "ally"
    return re.sub("y$", "i", re.sub("le$", "", adjective)) + "ly"


def comparative(adjective: str) -> str:
    irregular = {"good": "better", "bad": "worse"}
    return irregular.get(adjective) or attach(adjective, "er")


# --- the parts of speech ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun, a name, or (tags `person1`, `person2`) a speaker; its own lemma is one of its tags."""

    lemma: str
    plural: str
    tags: frozenset[str]
    weight: float = 1.0

    @property
    def gender(self) -> str:
        """m, f, n, or c (human, either)."""
        if "human" not in self.tags:
            return "n"
        return "m" if "male" in self.tags else "f" if "female" in self.tags else "c"


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb with its forms and with what it goes with; a frame `!` needs a companion."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    particle: str = ""
    marks: str = ""
    subjects: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    companions: tuple[tuple[str, str], ...] = ()
    needs_companion: bool = False

    @property
    def lemma(self) -> str:
        return f"{self.base} {self.particle}".strip()


def make_noun(entry: str, tags: str, rank: int = 0) -> Noun:
    """A noun from `singular/plural`."""
    lemma, _, plural = entry.replace("_", " ").partition("/")
    return Noun(lemma, plural or with_s(lemma), frozenset([*tags.split(), entry.split("/")[0]]),
                1 / (rank + 2))  # fmt: skip


def make_verb(forms: str, subjects: str = "", objects: str = "", companions: str = "") -> Verb:
    """A verb from its forms, marks and frame as written in `lexicon.VERBS`."""
    body = forms.rstrip("=.^~>")
    main, _, particle = body.partition(" ")
    base, past, participle = (*main.split("/"), "", "")[:3]
    past = past or attach(base, "ed")
    third = "has" if base == "have" else with_s(base)
    tags: dict[str, str] = {}
    for word in companions.lstrip("!").split():
        preposition, colon, tag = word.partition(":")
        # A word without a colon is one more tag for the preposition before it.
        preposition = preposition if colon else next(reversed(tags))
        tags[preposition] = f"{tags.get(preposition, '')} {tag if colon else word}".strip()
    return Verb(
        base, third, past, participle or past, attach(base, "ing"), particle, forms[len(body) :],
        frozenset(subjects.split()), frozenset(objects.replace("-", "").split()),
        tuple(tags.items()), companions.startswith("!"),
    )  # fmt: skip


def _read_nouns() -> list[Noun]:
    found: dict[str, Noun] = {}
    for header, words in lexicon.NOUNS.items():
        for rank, entry in enumerate(words.split()):
            noun = make_noun(entry, header, rank)
            known = found.get(noun.lemma)
            found[noun.lemma] = (
                Noun(known.lemma, known.plural, known.tags | noun.tags, known.weight)
                if known
                else noun
            )
    for names, gender in ((lexicon.BOYS, "male"), (lexicon.GIRLS, "female")):
        for rank, name in enumerate(names.split()):
            found[name] = make_noun(name, f"{gender} human animate name", rank)
    return list(found.values())


NOUNS = _read_nouns()
VERBS = [make_verb(*(cell.strip() for cell in line.split("|")))
         for line in lexicon.VERBS.strip().splitlines()]  # fmt: skip
NOUN = {noun.lemma: noun for noun in NOUNS}
VERB = {verb.lemma: verb for verb in reversed(VERBS)}  # the first of each lemma
BE = Verb("be", "is", "was", "been", "being")
DO = make_verb("do/did/done")
HAVE = make_verb("have/had/had")


@cache
def nouns(spec: str, names: bool = False) -> Pool[Noun]:
    """The nouns that have one of the tags in `spec`; names only when asked for."""
    tags = frozenset(spec.split())
    found = [n for n in NOUNS if tags & n.tags and (names or "name" not in n.tags)]
    return Pool(found, [n.weight for n in found])


NAMES = nouns("name", names=True)


@cache
def adjectives(tags: frozenset[str]) -> Pool[tuple[int, str]] | None:
    """The adjectives that go with a noun of these tags, each with its rank in stacks."""
    found = dict.fromkeys(
        (rank, word)
        for rank, header, words in lexicon.ADJECTIVES
        if tags & frozenset(header.split())
        for word in words.split()
    )
    return Pool(list(found), flat=8.0) if found else None


@cache
def verbs(subject: frozenset[str], object_: frozenset[str] | None = None) -> Pool[Verb] | None:
    """The verbs that such a subject can have, or (with tags given) that take such an object."""
    ranked = [
        (verb, 1 / (rank + 12))
        for rank, verb in enumerate(VERBS)
        if subject & verb.subjects and (object_ is None or object_ & verb.objects)
    ]
    return Pool(*map(list, zip(*ranked, strict=True))) if ranked else None


def pairs(table: str) -> list[tuple[str, str]]:
    """The pairs of a table of `left/right` words."""
    return [(left, right) for left, _, right in (item.partition("/") for item in table.split())]

"""Spelling and derivation: how endings attach to stems."""

from __future__ import annotations

import re

VOWELS = "aeiou"
WITH_ES = ("go", "do", "potato", "tomato", "hero", "mosquito")
# The nominalising suffix of an adjective depends only on its ending, without exception.
NOMINALIZERS = {
    "able": "ity", "ic": "ity", "al": "ity",
    "ish": "ness", "ive": "ness", "ous": "ness", "ful": "ness", "less": "ness",
}  # fmt: skip


def attach(stem: str, ending: str) -> str:
    """A stem with an ending; before a vowel, e is dropped and a short stem's consonant doubled.

    >>> [attach("bake", "er"), attach("carry", "ed"), attach("wug", "ish"), attach("wug", "ful")]
    ['baker', 'carried', 'wuggish', 'wugful']
    """
    if ending[0] not in VOWELS:
        return stem + ending
    if stem.endswith("ie") and ending == "ing":
        return stem[:-2] + "ying"
    if stem.endswith("e") and (ending[0] == "e" or stem[-2:] not in ("ee", "oe", "ye")):
        return stem[:-1] + ending
    if stem.endswith("y") and stem[-2] not in VOWELS and ending[0] != "i":
        return stem[:-1] + "i" + ending
    stressed = len(re.findall("[aeiouy]+", stem)) == 1 or stem == "forget"
    if stressed and re.search("[^aeiouy][aeiou][^aeiouwxy]$", stem):
        return stem + stem[-1] + ending
    return stem + ending


def with_s(stem: str) -> str:
    """The regular plural of a noun, or third person singular of a verb."""
    if stem.endswith("y") and stem[-2] not in VOWELS:
        return stem[:-1] + "ies"
    if stem.endswith(("s", "x", "z", "ch", "sh")) or stem in WITH_ES:
        return stem + "es"
    return stem + "s"


def article(following: str) -> str:
    """`a` or `an`, depending on the following word."""
    consonant = following.startswith(("useful", "one", "uni"))
    return "an" if following[0] in VOWELS and not consonant else "a"


def an(word: str) -> str:
    """The word with its article."""
    return f"{article(word)} {word}"


def nominalizer(adjective: str) -> str:
    """`ity` or `ness`, depending on the adjective's ending; `ness` for unlisted endings."""
    return next((s for end, s in NOMINALIZERS.items() if adjective.endswith(end)), "ness")


def nominalize(adjective: str, suffix: str = "") -> str:
    """The nominalisation of an adjective, with its own suffix or a given one.

    >>> [nominalize("blickable"), nominalize("wuggish"), nominalize("wuggish", "ity")]
    ['blickability', 'wuggishness', 'wuggishity']
    """
    suffix = suffix or nominalizer(adjective)
    if suffix == "ness":
        return re.sub("(?<=[^aeiou])y$", "i", adjective) + suffix
    if adjective.endswith("able"):
        return adjective[:-2] + "il" + suffix
    return adjective.removesuffix("e") + suffix


def adverb(adjective: str) -> str:
    """The manner adverb of an adjective."""
    if adjective.endswith("ic"):
        return adjective + "ally"
    return re.sub("y$", "i", adjective.removesuffix("le")) + "ly"


def comparative(adjective: str) -> str:
    return {"good": "better", "bad": "worse"}.get(adjective) or attach(adjective, "er")

"""The sample corpus against a small checker of English patterns, independent of the grammar."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from itertools import pairwise

import pytest

from amlm.sample import sample_lines
from amlm.sample.lexicon import NOUNS as NOUN_TABLE
from amlm.sample.verb_lexicon import VERBS as VERB_TABLE
from amlm.sample.words import Dice, Pool

BASES = {re.split(r"[/\s=.^~>]", row)[0] for row in VERB_TABLE.strip().splitlines()}
# Nouns that are not verbs, so that a pattern can recognise them.
SINGULARS = {
    word.split("/")[0]
    for tags, row in NOUN_TABLE.items()
    if not {"mass", "name"} & set(tags.split())
    for word in row.split()
    if word not in ("sheep/sheep", "deer/deer", "fish/fish")
} - BASES
MALE, FEMALE = (set(NOUN_TABLE[f"{sex} human animate name"].split()) for sex in ("male", "female"))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return list(sample_lines(0, 100_000))


@pytest.fixture(scope="module")
def sentences(lines: list[str]) -> list[str]:
    return [text.strip('" ') for line in lines for text in re.findall(r"[^.!?]+[.!?]", line)]


def matching(pattern: str, texts: list[str]) -> list[str]:
    return [text for text in texts if re.search(pattern, text)]


# --- the stream ---------------------------------------------------------------------------------


def test_the_text_of_a_seed_is_reproducible() -> None:
    # Runs in a process with its own hash seed, so that the text cannot depend on the order of sets.
    text = "\n".join(sample_lines(0, 20_000))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "c1a3e8563b0f9461"


def test_seeds_give_different_lines(lines: list[str]) -> None:
    others = list(sample_lines(1, 20_000))
    shared = set(others) & set(lines)
    assert others[:50] != lines[:50]
    assert sum(line in shared for line in others) / len(others) < 0.25


@pytest.mark.parametrize("words", [0, 1, 7, 1000, 1001])
def test_sample_lines_stops_at_the_line_that_reaches_the_words(
    words: int, lines: list[str]
) -> None:
    some = list(sample_lines(0, words))
    counts = [len(line.split()) for line in some]
    assert some == lines[: len(some)]
    assert sum(counts) >= words
    assert not some or sum(counts[:-1]) < words


def test_word_statistics_are_zipfian(lines: list[str]) -> None:
    words = [word for line in lines for word in line.split()]
    types = Counter(re.sub(r"[^a-z']", "", word.lower()).strip("'") for word in words)
    lengths = [len(line.split()) for line in lines]
    assert 2000 < len(types) < 3500
    assert 1 - len(set(lines)) / len(lines) < 0.1
    assert 7 < sum(lengths) / len(lengths) < 10
    assert 0.1 < sum(n <= 4 for n in lengths) / len(lines) < 0.3
    assert sum(n >= 20 for n in lengths) / len(lines) > 0.02
    # Zipf: the ten most frequent words are a third of the text, and a quarter of types are rare.
    assert 0.2 < sum(n for _, n in types.most_common(10)) / len(words) < 0.4
    assert sum(n == 1 for n in types.values()) / len(types) > 0.2


def test_pools_draw_by_weight() -> None:
    dice, pool = Dice("weights"), Pool(["a", "b", "c"], [5.0, 3.0, 2.0])
    drawn = Counter(dice.draw(pool) for _ in range(20_000))
    assert [drawn[x] / 20_000 for x in "abc"] == pytest.approx([0.5, 0.3, 0.2], abs=0.015)


# --- the English --------------------------------------------------------------------------------


def test_sentences_have_capitals_and_punctuation(lines: list[str]) -> None:
    assert not [line for line in lines if not re.fullmatch(r'["A-Z].*[.!?]', line)]
    assert not matching(r"  | [.,!?;]|_|\b(?:LOC|ADV|None)\b|[,.]{2}|\.\w| i ", lines)
    assert not matching(r'[.!?]"? [a-z](?!\w* (?:said|asked)|(?:sked|aid) )', lines)


def test_a_and_an_agree_with_the_next_word(lines: list[str]) -> None:
    assert not matching(r"\b[Aa] (?!useful|one)[aeiou]", lines)
    assert not matching(r"\b[Aa]n (?![aeiou]|hour)", lines)
    assert len(matching(r"\b[Aa]n [aeiou]", lines)) > 100


def test_no_word_is_repeated(lines: list[str]) -> None:
    # "that that" and "her her" can be correct.
    assert not matching(r"(?i)\b(?!that|her)(\w+) \1\b", lines)


def test_verbs_agree_with_pronouns(sentences: list[str]) -> None:
    past_like_base = {"put", "cut", "hit", "read", "hurt", "shut"}
    base = "|".join(sorted(BASES - past_like_base))
    assert not matching(
        rf"^(?:He|She|It) (?:\w+ly |often |never )?(?:{base}|are|were)\b", sentences
    )
    third = "|".join(f"{verb}(?:e?s)" for verb in sorted(BASES))
    assert not matching(rf"^(?:I|You|We|They) (?:is|has|does|{third})\b", sentences)
    assert not matching(r"^(?:You|We|They) was\b|^I (?:are|were)\b", sentences)
    assert len(matching(r"^(?:He|She|It) \w+s\b", sentences)) > 200


def test_do_takes_the_base_form(sentences: list[str]) -> None:
    asked = matching(r"^(?:Does|Did|Do) (?:[A-Z]\w+|he|she|you|they) \w+", sentences)
    verbs_asked = [re.split(r"\s", text.rstrip("?"))[2] for text in asked]
    known = [verb for verb in verbs_asked if verb not in BASES]
    assert len(asked) > 200
    # The others are parts of phrases: "Did Anna and Tom", "Did Tom never see".
    assert len(known) / len(asked) < 0.02


def test_determiners_agree_with_nouns(sentences: list[str]) -> None:
    singular = "|".join(sorted(SINGULARS))
    many = "these|those|two|three|four|five|six|many|several|few|both|most"
    assert not matching(rf"(?i)\b(?:{many}) (?:{singular})\b(?! )", sentences)
    plural = "|".join(f"{noun}s" for noun in sorted(SINGULARS) if noun + "s" not in SINGULARS)
    assert not matching(rf"(?i)\b(?:a|an|another|every|each|this) (?:{plural})\b(?!')", sentences)
    assert len(matching(rf"(?i)\b(?:{many}) (?:{plural})\b", sentences)) > 500


def test_reflexives_match_names(sentences: list[str]) -> None:
    pattern = r"^(?:\w+, )?([A-Z]\w+) (?:\w+ )?(?:\w+ )?(himself|herself|themselves|itself)\b"
    found = [match.groups() for text in sentences if (match := re.search(pattern, text))]
    named = [(name, self) for name, self in found if name in MALE | FEMALE]
    assert len(named) > 10
    assert all(self == ("himself" if name in MALE else "herself") for name, self in named)


def test_negative_polarity_items_are_licensed(sentences: list[str]) -> None:
    licence = r"(?i)\b(?:not|no|nobody|never|few|cannot|don't)\b|n't\b|\?"
    used = matching(r"\b(?:any|ever)\b", sentences)
    assert len(used) > 200
    assert used == matching(licence, used)


def test_answers_repeat_the_auxiliary_of_the_question(lines: list[str]) -> None:
    same = {"are": {"are", "am"}, "were": {"were", "was"}}
    checked = 0
    for asked, answer in pairwise(lines):
        found = re.match(r"(?:Yes|No), (?!thank)\w+ (am not|\w+(?:'t)?)[.]", answer)
        first = asked.split()[0].lower()
        if not found or not asked.endswith("?"):
            continue
        said = {"won't": "will", "can't": "can", "am not": "am"}.get(found[1], found[1])
        assert said.removesuffix("n't") in same.get(first, {first}), (asked, answer)
        checked += 1
    assert checked > 200


def test_pronouns_of_a_story_have_one_gender(lines: list[str]) -> None:
    stories = [line for line in lines if re.match(r"First, [A-Z]", line) and line.count(".") > 3]
    assert len(stories) > 20
    for story in stories:
        he = "he" if story.split()[1] in MALE else "she"
        steps = re.findall(
            r"(?:[Tt]hen|later,|Later,|that,|Finally,|last,|evening,) (he|she)\b", story
        )
        assert len(steps) >= 3
        assert set(steps) == {he}, story


def test_verbs_select_their_arguments(sentences: list[str]) -> None:
    """Only dogs bark, and only drinks are poured."""
    text = " ".join(sentences)
    barkers = Counter(re.findall(r"(\w+) (?:\w+ly )?(?:barks?|barked)\b", text))
    dogs = ("dog", "dogs", "puppy", "puppies", "hound", "hounds", "poodle", "poodles")
    nouns = set(barkers) & (SINGULARS | {f"{noun}s" for noun in SINGULARS} | MALE | FEMALE)
    assert nouns <= set(dogs) and len(nouns) > 2
    poured = Counter(re.findall(r"poured (?:the |some )?(?:\w+ )?(\w+) into", text))
    drinks = NOUN_TABLE["mass drink"].split()
    assert sum(poured[drink] for drink in drinks) == poured.total() > 5


# --- nonce words --------------------------------------------------------------------------------


def test_every_ending_has_one_suffix(lines: list[str]) -> None:
    words = Counter(re.findall(r"[a-z]+", " ".join(lines)))

    def count(ending: str) -> int:
        return sum(n for word, n in words.items() if word.endswith(ending))

    right = ("ability", "icity", "ality", "ishness", "ousness", "iveness", "fulness", "lessness")
    wrong = (
        "ableness",
        "icness",
        "alness",
        "ishity",
        "osity",
        "ousity",
        "ivity",
        "fulity",
        "lessity",
    )
    assert [count(ending) for ending in wrong] == [0] * len(wrong)
    assert all(count(ending) >= 3 for ending in right)


def test_past_and_agent_noun_of_nonce_verbs_are_regular(lines: list[str]) -> None:
    """Lucy klevs cups often. She klevved the cup yesterday. She is a klevver."""
    told = r"\w+ \w+s\b.* (?:every day|every week|often)[.] (.*) (?:He|She) is an? (\w+)er[.]"
    found = [match.groups() for line in lines if (match := re.fullmatch(told, line))]
    irregular = {"sing", "writ", "read", "driv", "swimm", "runn"}
    regular = [(past, stem) for past, stem in found if stem not in irregular]
    assert len(regular) > 20
    assert all(re.search(rf"\b{stem}ed\b", past) for past, stem in regular)

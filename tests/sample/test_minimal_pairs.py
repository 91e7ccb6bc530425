"""Triplets and minimal pairs against the surface text: which words differ, and how."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from amlm.sample import MinimalPair, Triplet, minimal_pairs, triplets
from amlm.sample.lexicon import ANTONYMS, NOUNS, SYNONYMS
from amlm.sample.words import NOUNS as NOUN_OBJECTS

# Noun forms -> whether they are plural.
NOUN_FORMS = {n.lemma: False for n in NOUN_OBJECTS} | {n.plural: True for n in NOUN_OBJECTS}
LICENCE = re.compile(r"(?i)\b(?:not|no)\b")


def words(text: str) -> Counter[str]:
    """The words of a text; `a` and `an` count as one, because they depend on the next word."""
    return Counter("a" if w == "an" else w for w in re.findall(r"[a-z']+", text.lower()))


def difference(one: str, other: str) -> tuple[list[str], list[str]]:
    """The words that occur only in the one, and only in the other."""
    left, right = words(one), words(other)
    return sorted((left - right).elements()), sorted((right - left).elements())


@pytest.fixture(scope="module")
def some_triplets() -> list[Triplet]:
    return list(triplets(0, 960))


@pytest.fixture(scope="module")
def pairs() -> list[MinimalPair]:
    return list(minimal_pairs(0, 17 * 60))


def of_kind(found: list[Triplet], same: str = "", different: str = "") -> list[Triplet]:
    chosen = [t for t in found if t.kind.startswith(same) and t.kind.endswith(different)]
    assert len(chosen) >= 200
    return chosen


# --- triplets -----------------------------------------------------------------------------------


def test_triplets_are_reproducible_balanced_and_distinct(some_triplets: list[Triplet]) -> None:
    assert list(triplets(0, 20)) == some_triplets[:20]
    assert list(triplets(1, 20)) != some_triplets[:20]
    kinds = Counter(triplet.kind for triplet in some_triplets)
    assert len(kinds) == 16
    assert set(kinds.values()) == {60}
    for triplet in some_triplets:
        assert len({triplet.anchor, triplet.positive, triplet.negative}) == 3
        assert all(re.fullmatch(r"[A-Z].*\.", text) for text in triplet[:3])


def test_passives_preserve_the_roles(some_triplets: list[Triplet]) -> None:
    for triplet in of_kind(some_triplets, same="passive"):
        passive, active = sorted(triplet[:2], key=lambda text: " by " not in text)
        only_passive, only_active = difference(passive, active)
        assert "by" in only_passive
        assert {"was", "were", "is", "are", "be"} & set(only_passive)
        assert len(only_active) <= 3, triplet  # the active verb, `does not`, `saw` for `seen`


def test_contracted_triplets_differ_only_in_contractions(some_triplets: list[Triplet]) -> None:
    def expanded(text: str) -> str:
        for short, long in (("won't", "will not"), ("can't", "cannot"), ("n't", " not"),
                            ("'ll", " will"), ("'re", " are"), ("'m", " am")):  # fmt: skip
            text = text.replace(short, long)
        return re.sub(r"\b(he|she|it)'s\b", r"\1 is", text, flags=re.I)

    for triplet in of_kind(some_triplets, same="contraction"):
        assert expanded(triplet.anchor) == expanded(triplet.positive)


def test_reordered_triplets_keep_the_words(some_triplets: list[Triplet]) -> None:
    pronouns = {"he", "she", "they", "it", "i", "you", "we"}
    for triplet in of_kind(some_triplets, same="order"):
        left, right = difference(triplet.anchor, triplet.positive)
        assert left == right or (set(left) | set(right)) & pronouns, triplet


def test_synonyms_and_antonyms_are_in_the_lexicon(some_triplets: list[Triplet]) -> None:
    synonyms, antonyms = SYNONYMS.split(), ANTONYMS.split()
    for triplet in of_kind(some_triplets, different="antonym"):
        (left,), (right,) = difference(triplet.anchor, triplet.negative)
        assert f"{left}/{right}" in antonyms or f"{right}/{left}" in antonyms
    lemmas = {word for pair in synonyms for word in pair.split("/")}
    for triplet in of_kind(some_triplets, same="synonym"):
        (old,), (new,) = difference(triplet.anchor, triplet.positive)
        assert any(old.startswith(word[:3]) for word in lemmas)
        assert any(new.startswith(word[:3]) for word in lemmas)


def test_negation_adds_or_removes_a_not(some_triplets: list[Triplet]) -> None:
    for triplet in of_kind(some_triplets, different="negation"):
        count = [
            len(re.findall(r"\bnot\b|n't\b", text)) for text in (triplet.anchor, triplet.negative)
        ]
        assert abs(count[0] - count[1]) == 1


def test_swapped_roles_keep_the_words(some_triplets: list[Triplet]) -> None:
    verb_forms = {"is", "are", "was", "were", "does", "do"}
    for triplet in of_kind(some_triplets, different="roles"):
        if re.search(r"(?i)'|\b(?:before|after|when|because)\b", triplet.anchor):
            continue  # contracted, or with a subordinate clause that can share a pronoun
        left, right = difference(triplet.anchor, triplet.negative)
        # Agreement can change a verb and case a pronoun; all other words only move.
        assert len(left) == len(right) <= 2
        for one in set(left) - verb_forms:
            assert one.rstrip("s") in {other.rstrip("s") for other in right} or len(one) <= 4, (
                triplet
            )


# --- minimal pairs ------------------------------------------------------------------------------


def test_minimal_pairs_are_reproducible_and_balanced(pairs: list[MinimalPair]) -> None:
    assert list(minimal_pairs(0, 40)) == pairs[:40]
    assert list(minimal_pairs(1, 40)) != pairs[:40]
    assert set(Counter(pair.phenomenon for pair in pairs).values()) == {60}
    assert all(pair.good != pair.bad for pair in pairs)
    assert len({pair.good for pair in pairs}) > 0.9 * len(pairs)
    for pair in pairs:
        left, right = difference(pair.good, pair.bad)
        assert len(left) <= 3 and len(right) <= 3, pair


def of(found: list[MinimalPair], phenomenon: str) -> list[MinimalPair]:
    return [pair for pair in found if pair.phenomenon == phenomenon]


@pytest.mark.parametrize("phenomenon", ["agreement", "agreement_attractor", "agreement_relative"])
def test_agreement_pairs_differ_in_one_verb(phenomenon: str, pairs: list[MinimalPair]) -> None:
    by_form = {"is": "are", "has": "have"}
    for pair in of(pairs, phenomenon):
        (good,), (bad,) = difference(pair.good, pair.bad)
        third, base = sorted((good, bad), key=lambda word: word not in by_form and word[-1] != "s")
        regular = {third.removesuffix("s"), third.removesuffix("es"), third[:-3] + "y"}
        assert base in regular | {by_form.get(third, "")}, pair


def test_anaphors_agree_with_the_subject(pairs: list[MinimalPair]) -> None:
    male = set(" ".join(row for tags, row in NOUNS.items() if "male" in tags.split()).split())
    male = {form for word in male for form in word.split("/")}
    for pair in of(pairs, "anaphor_gender"):
        subject = next(word for word in re.findall(r"\w+", pair.good) if word in male) if (
            "himself" in pair.good) else ""  # fmt: skip
        assert bool(subject) == ("herself" in pair.bad)
        assert difference(pair.good, pair.bad) in (
            (["himself"], ["herself"]),
            (["herself"], ["himself"]),
        )
    for pair in of(pairs, "anaphor_number"):
        assert ["themselves"] in difference(pair.good, pair.bad)


def test_only_the_good_sentence_has_a_licensor(pairs: list[MinimalPair]) -> None:
    for pair in of(pairs, "npi"):
        assert re.search(r"\b(any|ever)\b", pair.good) and re.search(r"\b(any|ever)\b", pair.bad)
        assert LICENCE.search(pair.good) and not LICENCE.search(pair.bad)


def test_determiner_article_and_adjective_order_pairs(pairs: list[MinimalPair]) -> None:
    swapped = [{"this", "these"}, {"that", "those"}]
    for pair in of(pairs, "determiner_noun"):
        (right,), (wrong,) = difference(pair.good, pair.bad)
        assert {right, wrong} in swapped
        after = pair.good.lower().rsplit(f"{right} ", 1)[1].rstrip(".").split()
        noun = next(word for word in after if word in NOUN_FORMS)
        assert NOUN_FORMS[noun] == (right in ("these", "those")), pair
    for pair in of(pairs, "a_or_an"):
        assert not re.search(r"\b(?:a [aeiou]|an [^aeiou])", pair.good)
        assert re.search(r"\b(?:a (?!useful)[aeiou]|an (?:[^aeiou]|useful))", pair.bad)
        assert difference(pair.good, pair.bad) == ([], [])
    for phenomenon in ("adjective_order", "question_relative"):
        for pair in of(pairs, phenomenon):
            assert difference(pair.good, pair.bad) == ([], [])


def test_nominalisation_pairs_follow_the_ending(pairs: list[MinimalPair]) -> None:
    suffix = {"able": "ability", "ic": "icity", "al": "ality", "ish": "ishness", "ive": "iveness",
              "ous": "ousness", "ful": "fulness", "less": "lessness"}  # fmt: skip
    seen = set()
    for pair in of(pairs, "derivation"):
        found = re.search(r" was (\w+?)(able|ic|al|ish|ive|ous|ful|less)\. ", pair.good)
        assert found, pair.good
        (good,), (bad,) = difference(pair.good, pair.bad)
        assert good == found[1] + suffix[found[2]]
        assert {good[-3:], bad[-3:]} in ({"ity", "ess"}, {"ess", "ity"})
        seen.add(found[2])
    assert len(seen) >= 6


def test_irregular_form_pairs(pairs: list[MinimalPair]) -> None:
    for pair in of(pairs, "irregular_noun"):
        (good,), (bad,) = difference(pair.good, pair.bad)
        assert bad.endswith("s")
        assert good[0] == bad[0]
    for pair in of(pairs, "irregular_verb"):
        (good,), (bad,) = difference(pair.good, pair.bad)
        assert good[0] == bad[0] or {good, bad} in ({"went", "gone"}, {"ate", "eaten"})


def test_tense_agrees_with_the_time_expression(pairs: list[MinimalPair]) -> None:
    past = re.compile(r"(?i)yesterday|last night|two days ago")
    for pair in of(pairs, "tense"):
        will_be_good = not past.search(pair.good)
        assert (" will " in pair.good) == will_be_good
        assert (" will " in pair.bad) != will_be_good

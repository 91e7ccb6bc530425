"""Realised structures against sentences written by hand, and derivations against a word list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amlm.sample.clauses import TIMES, clause
from amlm.sample.morphology import adverb, article, attach, comparative, nominalize, with_s
from amlm.sample.nonce import REAL, stem
from amlm.sample.phrases import ME, YOU
from amlm.sample.structures import (
    NP,
    PASSIVE,
    PLURAL,
    PP,
    SHORT_PASSIVE,
    Clause,
    Embedded,
    being,
    pronoun,
    reflexive,
)
from amlm.sample.syntax import POSSESSIVE, noun_phrase, question, sentence, short_answer
from amlm.sample.words import HAVE, NOUN, NOUNS, VERB, VERBS, Dice

DOG, GIRLS, ANNA = NP(NOUN["dog"]), NP(NOUN["girl"], PLURAL), NP(NOUN["Anna"], determiner="")
APPLE = NP(NOUN["apple"], determiner="a")
EAT = Clause(DOG, VERB["eat"], APPLE)
GIVE = Clause(ANNA, VERB["give"], NP(NOUN["ball"]), (PP("to", GIRLS),))
HUNGRY = being(ANNA, "hungry")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "The dog ate an apple."),
        ({"tense": "present"}, "The dog eats an apple."),
        ({"tense": "present", "subject": GIRLS}, "The girls eat an apple."),
        ({"tense": "present", "progressive": True, "subject": ME}, "I am eating an apple."),
        ({"perfect": True, "progressive": True}, "The dog had been eating an apple."),
        ({"tense": "will", "perfect": True}, "The dog will have eaten an apple."),
        ({"tense": "can", "negated": True}, "The dog cannot eat an apple."),
        ({"tense": "will", "negated": True, "contracted": True}, "The dog won't eat an apple."),
        ({"negated": True, "adverb": "often"}, "The dog did not often eat an apple."),
        ({"adverb": "often"}, "The dog often ate an apple."),
        ({"voice": PASSIVE}, "An apple was eaten by the dog."),
        ({"voice": SHORT_PASSIVE, "progressive": True}, "An apple was being eaten."),
        ({"voice": PASSIVE, "obj": GIRLS, "tense": "present"}, "The girls are eaten by the dog."),
        ({"subject": ME, "tense": "present", "perfect": True, "contracted": True},
         "I've eaten an apple."),
        ({"subject": ME, "obj": pronoun(ANNA), "when": "yesterday"}, "I ate her yesterday."),
        ({"when": "last night", "fronted": True}, "Last night, the dog ate an apple."),
        ({"agreement": (3, PLURAL, ""), "tense": "present"}, "The dog eat an apple."),
    ],
)  # fmt: skip
def test_statements_are_realised(changes: dict[str, object], expected: str) -> None:
    assert sentence(replace(EAT, **changes)) == expected  # type: ignore[arg-type]


def test_have_is_contracted_only_as_an_auxiliary() -> None:
    have = Clause(ME, HAVE, APPLE, tense="present", contracted=True)
    assert sentence(have) == "I have an apple."
    assert sentence(replace(have, negated=True)) == "I don't have an apple."
    assert question(replace(have, subject=YOU)) == "Do you have an apple?"


def test_questions_are_realised() -> None:
    assert question(EAT) == "Did the dog eat an apple?"
    assert question(EAT, "what", "object") == "What did the dog eat?"
    assert question(replace(EAT, negated=True, contracted=True)) == "Didn't the dog eat an apple?"
    assert question(replace(EAT, negated=True)) == "Did the dog not eat an apple?"
    assert question(HUNGRY, "why") == "Why was Anna hungry?"
    assert short_answer(replace(EAT, tense="present"), yes=False) == "No, it doesn't."
    assert short_answer(replace(HUNGRY, subject=GIRLS), yes=True) == "Yes, they were."


def test_recipients_and_particles_are_ordered() -> None:
    assert sentence(GIVE) == "Anna gave the ball to the girls."
    first = replace(GIVE, recipient_first=True)
    assert sentence(first) == "Anna gave the girls the ball."
    assert question(first, "what", "object") == "What did Anna give the girls?"
    assert sentence(replace(first, voice=PASSIVE)) == "The ball was given by Anna to the girls."
    pick = Clause(ANNA, VERB["pick up"], NP(NOUN["ball"]))
    assert sentence(pick) == "Anna picked up the ball."
    assert sentence(replace(pick, obj=pronoun(DOG))) == "Anna picked it up."
    assert sentence(Clause(ANNA, VERB["look at"], pronoun(DOG))) == "Anna looked at it."


def test_noun_phrases_are_realised() -> None:
    hers = NP(NOUN["box"], PLURAL, adjectives=("old", "red"), owner=pronoun(ANNA))
    assert noun_phrase(hers) == "her old red boxes"
    assert noun_phrase(NP(NOUN["apple"], determiner="a", adjectives=("big",))) == "a big apple"
    assert noun_phrase(replace(GIRLS, after=(PP("near", DOG),))) == "the girls near the dog"
    assert noun_phrase(GIRLS, POSSESSIVE) == "the girls'"
    assert noun_phrase(NP(NOUN["child"], PLURAL), POSSESSIVE) == "the children's"
    both = replace(ANNA, joined=NP(NOUN["Tom"], determiner=""))
    assert sentence(being(both, "here", tense="present")) == "Anna and Tom are here."
    assert sentence(Clause(both, VERB["see"], reflexive(both))) == "Anna and Tom saw themselves."


def test_embedded_clauses_are_realised() -> None:
    barks = Clause(DOG, VERB["bark"], tense="present")
    that = replace(DOG, after=(Embedded("that", replace(EAT, subject=GIRLS, obj=DOG), "object"),))
    assert sentence(replace(barks, subject=that)) == "The dog that the girls ate barks."
    who = replace(GIRLS, after=(Embedded("who", replace(EAT, subject=GIRLS), "subject"),))
    assert sentence(replace(barks, subject=who)) == "The girls who ate an apple bark."
    wants = Clause(ANNA, VERB["want"], None, (Embedded("", replace(EAT, tense="to")),))
    assert sentence(wants) == "Anna wanted to eat an apple."


def test_a_repeated_mention_is_a_pronoun() -> None:
    ate = replace(EAT, subject=ANNA, when=Embedded("because", HUNGRY))
    assert sentence(ate) == "Anna ate an apple because she was hungry."
    assert sentence(replace(ate, fronted=True)) == "Because Anna was hungry, she ate an apple."


def test_spelling_and_derivation() -> None:
    ing = [attach(stem, "ing") for stem in ("bake", "stop", "see", "lie", "play", "visit", "fix")]
    assert ing == ["baking", "stopping", "seeing", "lying", "playing", "visiting", "fixing"]
    past = [attach(stem, "ed") for stem in ("carry", "hug", "dax", "agree", "clean")]
    assert past == ["carried", "hugged", "daxed", "agreed", "cleaned"]
    assert [with_s(x) for x in ("fox", "city", "boy", "watch")] == [
        "foxes",
        "cities",
        "boys",
        "watches",
    ]
    assert [article(x) for x in ("owl", "useful key", "dog")] == ["an", "a", "a"]
    assert [comparative(x) for x in ("big", "large", "heavy")] == ["bigger", "larger", "heavier"]
    assert [adverb(x) for x in ("happy", "gentle", "sad")] == ["happily", "gently", "sadly"]
    assert [nominalize(x) for x in ("able", "toxic", "childish", "kind", "happy")] == [
        "ability", "toxicity", "childishness", "kindness", "happiness"
    ]  # fmt: skip


def test_nonce_stems_are_not_words() -> None:
    dice = Dice("stems")
    stems = {stem(dice) for _ in range(3000)}
    words = {noun.lemma for noun in NOUNS} | {verb.base for verb in VERBS} | REAL
    assert len(stems) > 1000
    assert not stems & words


def test_every_verb_has_possible_arguments() -> None:
    """No verb requires a tag that no noun has."""
    tags = frozenset().union(*(noun.tags for noun in NOUNS))
    for verb in VERBS:
        asked = [verb.subjects, verb.objects]
        asked += [frozenset(more.split()) for place, more in verb.companions if place != "ADV"]
        assert all(group <= tags for group in asked), verb.lemma
        assert sentence(clause(Dice(verb.lemma), verb=verb)).endswith(".")


def test_time_expressions_fit_their_tense() -> None:
    dice = Dice("times")
    for _ in range(3000):
        made = clause(dice)
        if made.when in TIMES["past"].items and made.when not in TIMES["future"].items:
            assert made.tense == "past" or made.when == "in the evening"
        if made.when in ("tomorrow", "next week"):
            assert made.tense in ("will", "must", "should", "may", "might")

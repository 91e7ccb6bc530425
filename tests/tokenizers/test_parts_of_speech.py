"""Parts of speech of surface forms, against cases chosen by hand."""

from __future__ import annotations

import pytest

from amlm.tokenizers import parts_of_speech as tagging
from amlm.tokenizers.parts_of_speech import CLAWS, CLOSED, parts_of_speech
from amlm.util.errors import InputError

CASES: dict[str, list[str | None]] = {
    "determiner": ["▁the", "▁The", "▁my"],
    "pronoun": ["▁I", "▁she", "▁nobody"],
    "preposition": ["▁of", "▁with"],
    "conjunction": ["▁and", "▁because", "▁that"],
    "auxiliary": ["▁is", "▁would", "'s", "▁'ll"],
    "adverb": ["▁not", "▁quickly", "▁backwards"],
    "interjection": ["▁oh", "▁mhm"],
    "verb": ["▁said", "▁walking", "▁walked", "▁realize"],
    "adjective": ["▁little", "▁useful", "▁famous", "▁tallest"],
    "noun": ["▁house", "▁nation", "▁kindness", "▁teacher", "▁king", "▁bed"],
    "name": ["▁London", "▁Mary"],
    "number": ["▁two", "7", "▁42"],
    "punctuation": [".", "▁—"],
    "continuation": ["ing", "ed", "the"],
    "byte": [None],
}


OF_HANTA: dict[str, list[str | None]] = {
    **CASES,
    "conjunction": ["▁and", "▁because", "▁that"],
    "verb": ["▁said", "▁walked", "▁realize", "▁bought", "▁sleep"],
    "adjective": ["▁useful", "▁famous", "▁tallest", "▁friendly", "▁hungry"],
    "noun": ["▁house", "▁nation", "▁kindness", "▁teacher", "▁king", "▁bed", "▁morning", "▁animal"],
    "interjection": ["▁oh", "▁ah"],
}


@pytest.mark.parametrize(("tagger", "cases"), [("lexicon", CASES), ("hanta", OF_HANTA)])
def test_parts_of_speech(tagger: str, cases: dict[str, list[str | None]]) -> None:
    expected = {form: name for name, forms in cases.items() for form in forms}
    found = dict(zip(expected, parts_of_speech(list(expected), tagger), strict=True))
    assert found == expected


def test_the_taggers_have_the_same_classes() -> None:
    assert {*CLAWS, "noun"} == {*CLOSED, "noun", "name"}


def test_a_tagger_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tagging, "find_spec", lambda name: None)
    assert parts_of_speech(["▁dog"]) == ["noun"]
    with pytest.raises(InputError) as told:
        parts_of_speech(["▁dog"], "hanta")
    assert str(told.value) == "tagger=hanta is not installed: pip install 'amlm[pos]'"


def test_a_class_lists_a_form_once() -> None:
    for name, forms in CLOSED.items():
        assert len(set(forms.split())) == len(forms.split()), name

"""Parts of speech of surface forms, against cases chosen by hand."""

from __future__ import annotations

import pytest

from amlm.tokenizers.parts_of_speech import CLOSED, part_of_speech

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


@pytest.mark.parametrize("name", CASES)
def test_part_of_speech(name: str) -> None:
    assert {form: part_of_speech(form) for form in CASES[name]} == dict.fromkeys(CASES[name], name)


def test_a_class_lists_a_form_once() -> None:
    for name, forms in CLOSED.items():
        assert len(set(forms.split())) == len(forms.split()), name

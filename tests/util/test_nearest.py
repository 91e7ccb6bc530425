"""Hints against misspelt names, names in a wrong section, and names of nothing."""

from __future__ import annotations

import pytest

from amlm.util.nearest import nearest

KNOWN = ["trainer.max_steps", "optimizer.lr", "masking.smoothing"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("trainer.max_step", " (did you mean trainer.max_steps?)"),
        ("trainer.lr", " (did you mean optimizer.lr?)"),
        ("smothing", " (did you mean masking.smoothing?)"),
        ("masking", " (did you mean masking.smoothing?)"),
        ("colour", ""),
    ],
)
def test_the_nearest_name_is_suggested(word: str, hint: str) -> None:
    assert nearest(word, KNOWN) == hint


def test_a_name_that_begins_with_the_word_is_nearer_than_one_that_looks_like_it() -> None:
    known = ["hard_decay-max_steps_1500", "mlm_decay", "hard_decay-max_steps_900"]
    assert nearest("hard_decay", known) == " (did you mean hard_decay-max_steps_900?)"
    assert nearest("", known) == ""


def test_nothing_is_nearest_to_nothing() -> None:
    assert nearest("lr", []) == ""

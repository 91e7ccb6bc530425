"""The cache of words against the function it calls: results, calls, and what it keeps."""

from __future__ import annotations

import random

import pytest

from amlm.tokenizers import word_cache
from amlm.tokenizers.word_cache import WordCache


def test_each_distinct_word_is_made_once() -> None:
    calls: list[list[str]] = []

    def make(words: list[str]) -> list[str]:
        calls.append(sorted(words))
        return [word.upper() for word in words]

    cache = WordCache(make)
    assert list(cache.of(["a", "b", "a"])) == ["A", "B", "A"]
    assert list(cache.of(["b", "c", "a", "c"])) == ["B", "C", "A", "C"]
    assert list(cache.of(["a"])) == ["A"]
    assert calls == [["a", "b"], ["c"]]


def test_it_keeps_few_words_and_forgets_none_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "CHUNK_CHARACTERS", 300)
    dice = random.Random(5)
    cache, most = WordCache(lambda words: map(int, words)), 0
    for _ in range(200):
        words = [str(dice.randrange(5_000)) for _ in range(40)]
        assert list(cache.of(words)) == [int(word) for word in words]
        most = max(most, sum(map(len, cache._made)))
    assert 300 < most < 300 + 40 * 4

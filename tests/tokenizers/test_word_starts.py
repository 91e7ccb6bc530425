"""Word starts against hand-counted ones and against `str.split` for tokenizers of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    Encoding,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from amlm.tokenizers.bpe import counts_words_by_type, train_tokenizer
from amlm.tokenizers.word_starts import begins_unit, boundary_warning, is_unspaced, word_starts

KINDS = ["ours", "bytes", "words", "dropping"]


def of_words(vocab: list[str], cut: pre_tokenizers.PreTokenizer) -> Tokenizer:
    """Whole words of a vocabulary; ``?`` for any other."""
    words = {word: v for v, word in enumerate(["<", ">", "?", *vocab])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = cut
    tokenizer.post_processor = processors.TemplateProcessing(
        single="< $A >", special_tokens=[("<", 0), (">", 1)]
    )
    return tokenizer


def starts(tokenizer: Tokenizer, line: str) -> list[tuple[str, int]]:
    encoding = tokenizer.encode(line)
    return list(zip(encoding.tokens, word_starts(line, encoding).tolist(), strict=True))


def test_by_hand() -> None:
    tokenizer = of_words(["a", "b", "-"], pre_tokenizers.BertPreTokenizer())
    assert starts(tokenizer, "a b-a  b") == [
        ("<", 0), ("a", 1), ("b", 1), ("-", 0), ("a", 0), ("b", 1), (">", 0),
    ]  # fmt: skip
    assert starts(tokenizer, "") == [("<", 0), (">", 0)]


def test_a_token_of_two_words_counts_two() -> None:
    tokenizer = of_words(["a b", "c"], pre_tokenizers.Split(Regex("(?<=b) "), "removed"))
    assert starts(tokenizer, "a b c") == [("<", 0), ("a b", 2), ("c", 1), (">", 0)]


def test_a_dropped_word_counts_at_the_next_token() -> None:
    tokenizer = of_words(["a", "b"], pre_tokenizers.WhitespaceSplit())
    tokenizer.normalizer = normalizers.Replace("x", "")
    # The first character of "xb", all of "x", and the last two words are gone.
    assert starts(tokenizer, "a xb x a x xx") == [
        ("<", 0), ("a", 1), ("b", 1), ("a", 2), (">", 2),
    ]  # fmt: skip
    assert starts(tokenizer, "x xx") == [("<", 0), (">", 2)]


def test_an_encoding_without_special_tokens_is_refused() -> None:
    tokenizer = of_words(["a"], pre_tokenizers.WhitespaceSplit())
    bare: Encoding = tokenizer.encode("a", add_special_tokens=False)
    with pytest.raises(ValueError, match="with its special tokens"):
        word_starts("a", bare)


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(
    request: pytest.FixtureRequest, lines_of: Callable[[int, int], list[str]]
) -> Tokenizer:
    lines = lines_of(500, 3)
    if request.param == "ours":
        return train_tokenizer(lambda: lines, 500)
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = (
        byte_level if request.param == "bytes" else pre_tokenizers.Whitespace()
    )
    if request.param == "dropping":
        tokenizer.normalizer = normalizers.Sequence(
            [
                normalizers.NFKD(),
                normalizers.StripAccents(),
                normalizers.Replace(Regex("[aeiou]"), ""),
            ]
        )
    alphabet = pre_tokenizers.ByteLevel.alphabet() if request.param == "bytes" else []
    tokenizer.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=500, special_tokens=["[CLS]", "[SEP]", "[UNK]"], initial_alphabet=alphabet
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    return tokenizer


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    line=st.one_of(
        st.text(st.characters(codec="utf-8")),
        st.text("ab c½é\u0301ﬁ日▁ \xa0\u0301\x1f", max_size=15),
    )
)
def test_the_sum_is_that_of_the_words(tokenizer: Tokenizer, line: str) -> None:
    assert word_starts(line, tokenizer.encode(line)).sum() == len(line.split())


def test_real_words_begin_where_they_do(
    tokenizer: Tokenizer, lines_of: Callable[[int, int], list[str]]
) -> None:
    """A token with a word's start covers its first character, where one token does."""
    for line in lines_of(200, 4):
        encoding = tokenizer.encode(line)
        counts = word_starts(line, encoding)
        words = line.split()
        assert counts.sum() == len(words)
        at = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
        covered = [
            next((t for t, (a, b) in enumerate(encoding.offsets) if a <= start < b), None)
            for start in at
        ]
        expected = [covered.count(t) for t in range(len(counts))]
        if None not in covered:
            assert counts.tolist() == expected, line


def test_only_our_own_pipeline_counts_by_type(
    tokenizer: Tokenizer, request: pytest.FixtureRequest
) -> None:
    assert counts_words_by_type(tokenizer) == ("ours" in request.node.callspec.id)


def test_in_scripts_without_spaces_every_token_is_a_word_for_masking() -> None:
    surfaces = ["▁the", "ly", "日本", "▁語", "ไทย", "ひ", "한국", None]
    assert is_unspaced(surfaces).tolist() == [False, False, True, True, True, True, False, False]
    # "▁the 日本 ly ly ▁語 日本": one word by its spaces, then a token each; "ly ly" is one word.
    ids = np.array([[0, 2, 1, 1, 3, 2]])
    begins = np.array([[1, 0, 0, 0, 1, 0]], dtype=bool)
    found = begins_unit(begins, is_unspaced(surfaces)[ids])
    assert found.astype(int).tolist() == [[1, 1, 1, 0, 1, 1]]
    assert begins.sum() == 2  # the words that are counted stay


def test_text_without_word_boundaries_is_warned_of() -> None:
    assert boundary_warning(words=50, tokens=1_000) is None
    warning = boundary_warning(words=49, tokens=1_000)
    assert warning is not None and "a word has 20 tokens" in warning
    assert "masking/unit=token" in warning and boundary_warning(0, 10) is not None

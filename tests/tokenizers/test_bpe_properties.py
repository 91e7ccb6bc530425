"""The tokenizer against any text that `hypothesis` thinks of: round trip, words, special tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from amlm.text.lines import normalised
from amlm.tokenizers.bpe import (
    BYTE_TOKENS,
    RESERVED,
    SPECIAL_TOKENS,
    counts_words_by_type,
    train_tokenizer,
)

# All of Unicode (but surrogates, which are no text), and what the tokenizer treats apart.
APART = [*SPECIAL_TOKENS, *BYTE_TOKENS[:12], *"▁\ue000\ue0010 'ste\u0301\xa0\u200b\x1f", "'ll"]
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.lists(st.one_of(st.sampled_from(APART), st.characters(codec="utf-8")), max_size=20).map(
        "".join
    ),
)
PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)


@pytest.fixture(scope="module", params=[RESERVED + 64, 700, 2_000])
def tokenizer(
    request: pytest.FixtureRequest, lines_of: Callable[[int, int], list[str]]
) -> Tokenizer:
    """As the store uses it, at three sizes of the vocabulary."""
    lines = lines_of(1_500, 11)
    tokenizer = train_tokenizer(lambda: lines, request.param)
    tokenizer.encode_special_tokens = True
    return tokenizer


@PROPERTY
@given(text=TEXT)
def test_any_text_comes_back_as_it_was(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text
    assert (ids[0], ids[-1]) == (1, 2)
    assert min(ids[1:-1], default=RESERVED) >= len(SPECIAL_TOKENS)  # neither unknown nor special


@PROPERTY
@given(text=TEXT)
def test_every_word_of_a_line_has_one_marked_token(tokenizer: Tokenizer, text: str) -> None:
    line = normalised(text)
    encoding = tokenizer.encode(line)
    assert tokenizer.decode(encoding.ids) == line
    assert sum(token.startswith("▁") for token in encoding.tokens) == len(line.split())
    assert counts_words_by_type(tokenizer)


@PROPERTY
@given(texts=st.lists(TEXT, max_size=5))
def test_a_batch_is_its_texts_one_by_one(tokenizer: Tokenizer, texts: list[str]) -> None:
    expected = [tokenizer.encode(text).ids for text in texts]
    for encode in (tokenizer.encode_batch, tokenizer.encode_batch_fast):
        assert [encoding.ids for encoding in encode(texts)] == expected

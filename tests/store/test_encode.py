"""Encoding word by word against the tokenizer's own encoding of whole lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from amlm.store.encode import Encoder
from amlm.text.lines import SEGMENT, normalised, words_in
from amlm.tokenizers import word_cache
from amlm.tokenizers.bpe import BYTE_TOKENS, SPECIAL_TOKENS, counts_words_by_type, train_tokenizer
from amlm.util import chunks

# What the tokenizer treats apart, among words that occur again and again.
APART = [*SPECIAL_TOKENS, *BYTE_TOKENS[:3], *"▁\ue000 'ste\u0301\u200b9.", "'ll", "dog.", "don't"]
PART = st.lists(st.one_of(st.sampled_from(APART), st.text()), max_size=8)
LINE = st.lists(PART.map(" ".join).map(normalised), min_size=1, max_size=3).map(SEGMENT.join)


def encoded(tokenizer: Tokenizer, lines: list[str]) -> list[int]:
    """``[CLS] a [SEP] b [SEP]`` of each line, segment by segment, as the library encodes them."""
    ids: list[int] = []
    for line in lines:
        first, *others = [tokenizer.encode(segment).ids for segment in line.split(SEGMENT)]
        ids += first + [i for other in others for i in other[1:]]
    return ids


@pytest.fixture(scope="module")
def tokenizer(lines_of: Callable[[int, int], list[str]]) -> Tokenizer:
    lines = lines_of(1_500, 11)
    return train_tokenizer(lambda: lines, 900)


@given(lines=st.lists(LINE, min_size=1, max_size=12))
@settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_ids_of_a_line_are_those_of_its_words(
    lines: list[str], tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_cache, "CHUNK_CHARACTERS", 20)
    monkeypatch.setattr(chunks, "CHUNK_CHARACTERS", 60)
    encoder = Encoder(tokenizer)
    assert encoder.by_type
    (tmp_path / "dev.ids").unlink(missing_ok=True)
    *_, totals = encoder.write(lines, tmp_path, "dev")
    ids_N = np.fromfile(tmp_path / "dev.ids", np.uint16)
    assert ids_N.tolist() == encoded(tokenizer, lines)
    assert totals.counts_V.tolist() == np.bincount(ids_N, minlength=900).tolist()
    assert totals.lines == len(lines)
    assert totals.words == sum(len(line.split()) for line in lines)
    assert totals.bytes == sum(len(line.encode()) + 1 for line in lines)


def test_a_token_of_several_words_is_found_in_its_line(
    lines_of: Callable[[int, int], list[str]], tmp_path: Path
) -> None:
    lines = lines_of(300, 4)
    tokenizer = train_tokenizer(lambda: lines, 600)
    joined = " ".join(lines[0].split()[1:3])
    tokenizer.add_tokens([AddedToken(joined, normalized=False)])
    assert not counts_words_by_type(tokenizer)
    *_, totals = Encoder(tokenizer).write(lines, tmp_path, "dev")
    ids_N = np.fromfile(tmp_path / "dev.ids", np.uint16)
    assert ids_N.tolist() == encoded(tokenizer, lines)
    assert (ids_N == tokenizer.token_to_id(joined)).any()
    assert totals.words == sum(map(words_in, lines))

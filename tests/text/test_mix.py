"""Mixing by words: targets against sums done by hand, selections against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlm.text.lines import RUN_LINES
from amlm.text.mix import TOLERANCE, select_lines, word_targets
from amlm.util.errors import InputError

AVAILABLE = {"childes": 600, "wiki": 300, "triplets": 100}


@pytest.mark.parametrize(
    ("shares", "words", "repeat", "expected"),
    [
        ({}, None, False, {"childes": 600, "wiki": 300, "triplets": 100}),
        ({}, 500, False, {"childes": 300, "wiki": 150, "triplets": 50}),
        ({"childes": 0.5, "wiki": 0.3, "triplets": 0.2}, 400, False, (200, 120, 80)),
        # As many as the scarcest source allows: 100 / 0.2 = 500.
        ({"childes": 0.5, "wiki": 0.3, "triplets": 0.2}, None, False, (250, 150, 100)),
        ({"childes": 1.0}, None, False, (600, 0, 0)),
        # The rest, 900 words, in proportion: 2 to 1. As many as 100 / 0.25 allows.
        ({"triplets": 0.25, "rest": 0.75}, None, False, (200, 100, 100)),
        ({"triplets": 0.1, "rest": 0.9}, 100, False, (60, 30, 10)),
        ({"wiki": 0.5, "triplets": 0.5}, 1_000, True, (0, 500, 500)),
        # 100 / 3: the largest remainders are rounded up, the sum is exact.
        ({"childes": 1 / 3, "wiki": 1 / 3, "triplets": 1 / 3}, 100, False, (34, 33, 33)),
    ],
)
def test_targets_by_hand(
    shares: dict[str, float], words: int | None, repeat: bool, expected: object
) -> None:
    targets = word_targets(AVAILABLE, shares, words, repeat)
    wanted = expected if isinstance(expected, dict) else dict(zip(AVAILABLE, expected, strict=True))  # type: ignore[call-overload]
    assert targets == wanted
    if words is not None:
        assert sum(targets.values()) == words


@pytest.mark.parametrize(
    ("shares", "words", "parts"),
    [
        ({"wiki": 0.5, "triplets": 0.5}, 1_000, ["wiki", "200 are missing", "400 are missing"]),
        ({}, 1_500, ["data.words=1,500", "childes", "300 are missing", "data.allow_repeat=true"]),
    ],
)
def test_missing_words_are_counted(shares: dict[str, float], words: int, parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        word_targets(AVAILABLE, shares, words, repeat=False)
    assert all(part in str(error.value) for part in parts), error.value


def test_nothing_cannot_be_repeated() -> None:
    with pytest.raises(InputError, match="empty has no words"):
        word_targets({"empty": 0, "b": 5}, {"empty": 0.5, "b": 0.5}, 4, repeat=True)


def lengths(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).geometric(0.12, size=count).astype(np.int32)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.5, 0.999])
def test_a_target_is_met_to_the_word(share: float) -> None:
    words_S = lengths(20_000)
    target = int(words_S.sum() * share)
    chosen = select_lines(words_S, target, seed=1, name="a")
    assert chosen.repeats == 0
    assert int(words_S[chosen.once_more_S].sum()) == chosen.words(words_S) == target
    assert chosen.lines == int(chosen.once_more_S.sum())


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=400),
    st.floats(0.01, 3.5),
    st.integers(0, 99),
)
def test_any_target_is_met_or_refused(words: list[int], share: float, seed: int) -> None:
    words_S = np.array(words, dtype=np.int32)
    target = max(1, int(words_S.sum() * share))
    try:
        chosen = select_lines(words_S, target, seed=seed, name="a")
    except InputError:
        return
    got = chosen.repeats * int(words_S.sum()) + int(words_S[chosen.once_more_S].sum())
    assert got == chosen.words(words_S)
    assert 0 <= target - got <= TOLERANCE * target
    assert chosen.repeats == target // int(words_S.sum())


def test_the_whole_source_is_drawn_from_and_lines_stay_together() -> None:
    words_S = np.full(240_000, 5, dtype=np.int32)
    chosen = select_lines(words_S, 300_000, seed=0, name="a").once_more_S  # a quarter
    by_tenth = chosen.reshape(10, -1).mean(1)
    assert np.abs(by_tenth - 0.25).max() < 0.05
    whole_runs = chosen.reshape(-1, RUN_LINES).mean(1)
    assert ((whole_runs == 1) | (whole_runs == 0)).sum() >= len(whole_runs) - 1


def test_draws_depend_on_seed_and_source_alone() -> None:
    words_S = lengths(5_000)

    def draw(seed: int, name: str) -> bytes:
        return select_lines(words_S, 9_000, seed=seed, name=name).once_more_S.tobytes()

    assert draw(0, "a") == draw(0, "a")
    assert len({draw(0, "a"), draw(1, "a"), draw(0, "b")}) == 3


def test_lines_too_long_for_the_target_are_refused() -> None:
    with pytest.raises(InputError, match=r"lines of a are too long to select 150 words.*50 words"):
        select_lines(np.array([100] * 10, dtype=np.int32), 150, seed=0, name="a")

"""The budget of a track, against numbers worked out by hand from the rules of 2026."""

from __future__ import annotations

from typing import Any

import pytest

from amlm.config.checks import check
from amlm.config.schema import Config
from amlm.store.budget import check_budget, uses
from amlm.util.errors import InputError

MILLION = 1_000_000


def source(name: str, words: int, kept: int | None = None, bytes: int = 0) -> dict[str, Any]:
    return {"name": name, "words": words, "words_kept": kept or words, "bytes": bytes}


@pytest.mark.parametrize(
    ("track", "words", "epochs"),
    [("strict_small", 10 * MILLION, 10.0), ("strict", 100 * MILLION, 10.0), (None, 10**12, 99.0)],
)
def test_a_run_at_its_caps_is_allowed(track: str | None, words: int, epochs: float) -> None:
    check_budget(track, [source("a", words - 5), source("b", 5)], epochs, {})


@pytest.mark.parametrize(
    ("track", "sources", "epochs", "named"),
    [
        (
            "strict_small",
            [source("a", 6 * MILLION), source("b", 4 * MILLION + 1)],
            9,
            ["10,000,001 words", "a 6,000,000, b 4,000,001", "10,000,000 are", "data.words=10_000"],
        ),
        ("strict", [source("a", 100 * MILLION + 1)], 1, ["100,000,001 words", "data.words=100_"]),
        ("strict_small", [source("a", 9 * MILLION)], 10.5, ["a is seen 10.5 times", "data.epochs"]),
        # Two million words, seen six times in an epoch.
        (
            "strict_small",
            [source("a", 12 * MILLION, kept=2 * MILLION)],
            9,
            ["a is seen 54 times, and 10", "108,000,000 words are seen, and 100,000,000 are"],
        ),
    ],
)
def test_each_cap_is_refused_by_name(
    track: str, sources: list[dict[str, Any]], epochs: float, named: list[str]
) -> None:
    with pytest.raises(InputError, match=f"data.track={track} is exceeded") as error:
        check_budget(track, sources, epochs, {})
    for text in named:
        assert text in str(error.value)
    assert str(error.value).count("allowed") == (2 if "times, and 10" in named[0] else 1)


def test_multilingual_words_are_bytes_by_premium() -> None:
    # 543 MB of English are 100 million words; Dutch needs 1.0516, Chinese 0.9894 times as many.
    sources = [
        source("e", 7, bytes=271_500_000),
        source("n", 7, bytes=round(135_750_000 * 1.0516)),
        source("z", 1, bytes=round(135_750_000 * 0.9894)),
    ]
    languages = {"e": "eng", "n": "nld", "z": "zho"}
    found = uses("multilingual", sources, 10, languages)
    assert [round(use.words) for use in found] == [50 * MILLION, 25 * MILLION, 25 * MILLION]
    check_budget("multilingual", sources, 10, languages)
    sources[0]["bytes"] += 54
    with pytest.raises(InputError, match=r"has 100,000,010 words"):
        check_budget("multilingual", sources, 1, languages)
    with pytest.raises(InputError, match=r"that of z is unknown: give data\.languages\.z=<eng"):
        check_budget("multilingual", sources, 1, {"e": "eng", "n": "nld"})


def test_languages_are_checked_with_the_options() -> None:
    config = Config()
    config.data.track, config.data.languages = "multilingual", {"a": "dut"}
    with pytest.raises(InputError, match=r"languages\.a=dut .* one of eng, nld, zho"):
        check(config)
    config.data.track, config.data.languages = "strict", {"a": "nld"}
    with pytest.raises(InputError, match=r"no effect without data\.track=multilingual"):
        check(config)

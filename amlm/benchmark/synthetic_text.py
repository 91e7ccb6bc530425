"""Synthetic text for the benchmark, similar to English in everything that affects its cost.

That is the number of token types, their frequencies (Zipf), the number of types per batch, and the
number of vocabulary items inside a type, but not the words themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from amlm.config.schema import Config
from amlm.store.token_store import TokenStore, open_store
from amlm.util.files import write_aside

WORDS = 1_500_000
WORDS_PER_LINE = 12
VERSION = 1  # part of the folder's name: increment it when the text changes


def synthetic_store(config: Config) -> TokenStore:
    """The store of synthetic text, in the configured cache; makes it the configuration's text."""
    folder = Path(config.paths.cache) / f"bench-text-{VERSION}-{config.tokenizer.vocab_size}"
    if not (folder / "made.dev").exists():
        words = _words(2 * config.tokenizer.vocab_size)
        for split, count in (("train", WORDS), ("dev", WORDS // 20)):
            path = folder / f"made.{split}"
            write_aside(path, _text(words, count, len(path.name)))
    config.data.sources = {"made": {"path": str(folder)}}
    return open_store(config.data, config.tokenizer, Path(config.paths.cache), print)


def _words(count: int) -> list[str]:
    """Distinct words, short ones first; the longer ones share stems and endings."""
    dice = np.random.default_rng(0)
    syllables = [
        a + b + c for a in "bcdfghklmnprstvw" for b in "aeiou" for c in ("", "n", "r", "s")
    ]
    words: dict[str, None] = {}
    while len(words) < count:
        length = 1 + min(int(dice.exponential(0.6 + len(words) / count)), 4)
        words["".join(dice.choice(syllables, length))] = None
    return list(words)


def _text(words: list[str], count: int, seed: int) -> str:
    dice = np.random.default_rng(seed)
    weight = 1 / (np.arange(len(words)) + 2.7)
    drawn = dice.choice(len(words), count, p=weight / weight.sum())
    lines = np.split(drawn, np.arange(WORDS_PER_LINE, count, WORDS_PER_LINE))
    return "".join(" ".join(words[i] for i in line) + " .\n" for line in lines)

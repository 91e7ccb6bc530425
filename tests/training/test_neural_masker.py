"""The neural masker in a real training: the sample with words that cannot be predicted."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from amlm.masking.signals import Draw, Predictions
from amlm.masking.signals.neural import Neural
from amlm.sample import sample_lines
from amlm.store.token_store import TokenStore
from amlm.tokenizers.surfaces import surfaces_of
from amlm.training.record import read_tables
from amlm.training.run import Result

CODES = ["".join(each) for each in product("bdgkmptz", "aeiou", "bdgkmptz", "aeiou")][:300]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of the sample, each followed by two made-up words that nothing predicts."""
    folder, dice = tmp_path_factory.mktemp("coded"), random.Random(0)
    for split, words in (("train", 60_000), ("dev", 3_000)):
        lines = (
            f"{line} {dice.choice(CODES)} {dice.choice(CODES)}\n" for line in sample_lines(0, words)
        )
        (folder / f"made.{split}").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("sign", "low", "high"), [(1, 1.25, 4.0), (-1, 0.0, 0.8)])
def test_a_masker_seeks_words_that_cannot_be_predicted_and_not_the_reverse(
    sign: int,
    low: float,
    high: float,
    coded: Path,
    cache: Path,
    tiny_run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Neural.learn

    def learn(self: Neural, sums: Mapping[str, Tensor], seen: Predictions, draw: Draw) -> None:
        original(self, sums, replace(seen, nll_M=sign * seen.nll_M), draw)

    monkeypatch.setattr(Neural, "learn", learn)
    folder = tiny_run(
        *("experiment=neural_decay", f"data.dir={coded}", "tokenizer.vocab_size=1500"),
        *("trainer.max_steps=200", "masking.update_every=50", "masking.signal.lr=5e-3"),
        *("model.layers=1", "trainer.log_every=50", "checkpoints.every=1000"),
    ).folder
    store = TokenStore(cache / json.loads((folder / "run.json").read_text())["content"]["store"])
    counts_V, surfaces = store.type_counts("train"), surfaces_of(store.tokenizer)
    planted_V = np.array([each is not None and each.strip("▁") in CODES for each in surfaces])
    others_V = np.array([each is not None for each in surfaces]) & ~planted_V & (counts_V > 20)
    assert planted_V.sum() > 200 and others_V.sum() > 400

    def mean(table_V: NDArray[np.float32], types_V: NDArray[np.bool_]) -> float:
        return float(np.average(table_V[types_V], weights=counts_V[types_V]))

    tables_TV = read_tables(folder)[1]
    preference = [mean(table_V, planted_V) / mean(table_V, others_V) for table_V in tables_TV]
    assert low < preference[-1] < high, preference

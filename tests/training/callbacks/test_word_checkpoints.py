"""Which word checkpoint is next, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from amlm.training.callbacks.word_checkpoints import WordCheckpoints


@pytest.mark.parametrize(
    ("by", "step", "ahead"),
    [
        ("words", 0, None),  # nothing is known yet
        ("words", 1, ("chck_1M", 987_500)),
        ("words", 79, ("chck_1M", 12_500)),
        ("words", 80, ("chck_2M", 1_000_000)),
        ("words", 799, ("chck_10M", 12_500)),
        ("words", 1_000, ("chck_20M", 7_500_000)),
        ("words", 1_599, ("chck_20M", 12_500)),  # of a run of 2,000 steps, so 25M words
        ("words", 1_600, None),
        ("steps", 400, ("chck_30M", 10_000_000)),  # a whole run is 100M
        ("steps", 1_999, ("chck_100M", 50_000)),
        ("steps", 2_000, None),
    ],
)
def test_the_next_checkpoint_is_one_that_the_run_will_reach(
    by: str, step: int, ahead: tuple[str, int] | None
) -> None:
    words: Any = SimpleNamespace(seen=lambda step: 12_500 * step)
    plan: Any = SimpleNamespace(total_steps=2_000)
    nothing: Any = None
    exports = WordCheckpoints(Path(), nothing, nothing, plan, words, by, 64)
    assert exports.ahead(step) == ahead


def test_a_model_that_is_not_finite_is_not_exported(tmp_path: Path) -> None:
    words: Any = SimpleNamespace(seen=lambda step: 12_500 * step)
    plan: Any = SimpleNamespace(total_steps=2_000)
    module: Any = torch.nn.Linear(2, 2)
    module.is_finite = lambda reduce: bool(reduce(module.weight).isfinite().all())
    torch.nn.init.constant_(module.weight, torch.nan)
    trainer: Any = SimpleNamespace(is_global_zero=True, global_step=79)
    nothing: Any = None
    exports = WordCheckpoints(tmp_path, nothing, nothing, plan, words, "words", 64)
    exports.on_train_start(trainer, module)
    exports.on_step_end(trainer, module, 80)
    assert exports.ahead(80) == ("chck_2M", 1_000_000) and not [*tmp_path.iterdir()]

"""Losses of the first 20 steps against stored ones: text, tokenizer, batches, masks, updates, model
and optimizer, all at once. Whatever changes a number on purpose stores new ones and says why:
``python -m pytest tests/training/test_golden.py --store-golden``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from amlm.training.record import read_log
from amlm.training.run import Result

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.json"
# Without dropout, so that the trace does not depend on how an encoder draws it. Processors add up
# in different orders; a step computes with about seven digits, and 20 steps keep more than four.
SETTINGS = ("model.dropout=0", "trainer.max_steps=20", "masking.update_every=5")
TOLERANCE = 1e-4


@pytest.mark.parametrize("experiment", ["mlm", "hard_decay", "soft_decay"])
def test_losses_equal_the_stored_ones(
    experiment: str, tiny_run: Callable[..., Result], request: pytest.FixtureRequest
) -> None:
    result = tiny_run(f"experiment={experiment}", *SETTINGS)
    losses = [r["loss"] for r in read_log(result.folder) if r["kind"] == "train"]
    assert len(losses) == 20
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if request.config.getoption("--store-golden"):
        stored[experiment] = [round(loss, 6) for loss in losses]
        GOLDEN.write_text(json.dumps(stored, indent=1) + "\n")
    assert losses == pytest.approx(stored[experiment], rel=TOLERANCE)


def test_experiments_have_different_traces() -> None:
    stored = json.loads(GOLDEN.read_text())
    assert stored["hard_decay"] != stored["soft_decay"] != stored["mlm"]
    # Until the first update, adaptive masking is plain masked language modeling.
    assert stored["hard_decay"][:5] == stored["soft_decay"][:5]

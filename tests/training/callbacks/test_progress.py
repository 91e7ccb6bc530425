"""Progress of a run without a terminal, with a fake clock."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amlm.training.callbacks import progress
from amlm.training.callbacks.progress import ProgressLines
from amlm.training.run_log import RunLog
from amlm.util import progress_bar


def test_progress_lines_are_printed_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 500.0
    for module in (progress, progress_bar):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    log = RunLog(tmp_path)
    lines = ProgressLines(log, total_steps=3_000)
    trainer: Any = SimpleNamespace(is_global_zero=True, global_step=1_000)
    lines.on_train_start(trainer, trainer)
    for step in range(1_001, 1_201):
        now += 1.0
        if step == 1_100:
            values = {"loss": 4.834, "accuracy": 0.2126, "tokens_per_second": 2_048.3}
            log.write("train", {"step": step, **values})
        lines.on_step_end(trainer, trainer, step)
    assert capsys.readouterr().out.split("\n") == [
        "step 1,060 of 3,000 (35%), 32 min left",
        "step 1,120 of 3,000 (37%), loss 4.83, accuracy 21.3%, 2,048 tokens/s, 31 min left",
        "step 1,180 of 3,000 (39%), loss 4.83, accuracy 21.3%, 2,048 tokens/s, 30 min left",
        "",
    ]
    assert lines.line(1_500, 7_800).endswith(", 2 h 10 min left")
    trainer.is_global_zero = False
    now += 100
    lines.on_step_end(trainer, trainer, 1_202)
    assert capsys.readouterr().out == ""

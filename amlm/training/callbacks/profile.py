"""Profiles a few steps of a run with the PyTorch profiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from torch.profiler import profile, schedule

TRACE_FILE = "profile.json"  # for chrome://tracing or ui.perfetto.dev
TABLE_FILE = "profile.txt"
WARMUP, PROFILED = 2, 5  # micro-batches


class Profile(L.Callback):
    """Writes a trace and a table of operations to the run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._profile = profile(
            schedule=schedule(wait=0, warmup=WARMUP, active=PROFILED, repeat=1),
            on_trace_ready=self._write if trainer.is_global_zero else None,
        )
        self._profile.start()

    def on_train_batch_end(self, *_: Any) -> None:
        self._profile.step()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._profile.stop()  # writes too if the run ends early

    def _write(self, done: profile) -> None:
        done.export_chrome_trace(str(self.folder / TRACE_FILE))
        table = done.key_averages().table(sort_by="self_cpu_time_total", row_limit=40)
        (self.folder / TABLE_FILE).write_text(table, encoding="utf-8")

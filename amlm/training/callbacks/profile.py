"""Profiles a few steps of a run with the PyTorch profiler."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch
from torch.profiler import ProfilerActivity, profile

from amlm.store.datamodule import StepBatch

TRACE_FILE = "profile.json"  # for chrome://tracing or ui.perfetto.dev
TABLE_FILE = "profile.txt"


class Profile(L.Callback):
    """Leaves a trace and a table of the operations of ``steps`` steps, after a warm-up.

    Args:
        folder: the run folder.
        warmup: micro-batches before the first profiled one.
        steps: micro-batches profiled.
    """

    def __init__(self, folder: Path, warmup: int = 2, steps: int = 5) -> None:
        self.folder = folder
        self.warmup = warmup
        self.steps = steps
        self._profile: profile | None = None

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: StepBatch, batch_idx: int
    ) -> None:
        if batch_idx == self.warmup and trainer.is_global_zero:
            on_gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
            self._profile = profile(activities=[ProfilerActivity.CPU, *on_gpu])
            self._profile.start()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: StepBatch,
        batch_idx: int,
    ) -> None:
        if batch_idx == self.warmup + self.steps - 1:
            self._write()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._write()  # a run shorter than what was to be profiled

    def _write(self) -> None:
        if self._profile is None:
            return
        self._profile.stop()
        self._profile.export_chrome_trace(str(self.folder / TRACE_FILE))
        table = self._profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=40)
        (self.folder / TABLE_FILE).write_text(table, encoding="utf-8")
        self._profile = None

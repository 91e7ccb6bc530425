"""A progress bar that shows the latest records of the run's log."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar

from amlm.training.record import RunLog


class Progress(TQDMProgressBar):
    """Counts micro-steps of the whole run; loss and accuracy are those of the last log line."""

    def __init__(self, run_log: RunLog, total: int, refresh: int) -> None:
        super().__init__(refresh_rate=refresh)
        self.run_log = run_log
        self.total = total

    def on_train_start(self, *arguments: Any) -> None:
        super().on_train_start(*arguments)
        # Lightning sets both at the start of an epoch, and a run that goes on is in its middle.
        self.train_progress_bar.reset(self.total)
        self.train_progress_bar.set_description("training")

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        pass  # an "epoch" is the whole run

    def get_metrics(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        shown: dict[str, int | str | float | dict[str, float]] = {}
        if train := self.run_log.latest.get("train"):
            shown["loss"] = f"{train['loss']:.2f}"
            shown["acc"] = f"{train['accuracy']:.1%}"
        if validation := self.run_log.latest.get("validation"):
            shown["val_acc"] = f"{validation['accuracy']:.1%}"
        if update := self.run_log.latest.get("mask_update"):
            shown["types"] = f"{update['effective_types']:.0f}"
        return shown

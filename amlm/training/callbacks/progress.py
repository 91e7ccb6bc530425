"""Progress of a run: a bar on a terminal, otherwise a plain line every minute."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar

from amlm.training.callbacks import StepCallback
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.run_log import RunLog
from amlm.util.progress_bar import Minutes
from amlm.util.terminal import say


class Progress(TQDMProgressBar):
    """Counts micro-batches of the whole run and shows metrics of the last records."""

    def __init__(self, run_log: RunLog, total: int, refresh: int) -> None:
        super().__init__(refresh_rate=refresh)
        self.run_log = run_log
        self.total = total

    def on_train_start(self, *arguments: Any) -> None:
        super().on_train_start(*arguments)
        # Lightning sets both at the start of an epoch, but a run can resume within one.
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


@dataclass(eq=False)
class ProgressLines(StepCallback):
    """Prints a line every minute, for files and pipes."""

    run_log: RunLog
    total_steps: int

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._minutes, self._started = Minutes(), monotonic()
        self._first = trainer.global_step

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if trainer.is_global_zero and self._minutes.passed():
            per_step = (monotonic() - self._started) / (step - self._first)
            say(self.line(step, per_step * (self.total_steps - step)))

    def line(self, step: int, left: float) -> str:
        """The line after a step, with ``left`` seconds left."""
        parts = [f"step {step:,} of {self.total_steps:,} ({step / self.total_steps:.0%})"]
        if train := self.run_log.latest.get("train"):
            parts.append(f"loss {train['loss']:.2f}, accuracy {train['accuracy']:.1%}")
            parts.append(f"{train['tokens_per_second']:,.0f} tokens/s")
        hours, minutes = divmod(round(left / 60), 60)
        parts.append(f"{hours} h {minutes} min left" if hours else f"{minutes} min left")
        return ", ".join(parts)

"""Progress of a run: what all displays of it share, and plain lines for files and pipes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

import lightning as L

from amlm.training.callbacks import StepCallback
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.run_log import RunLog
from amlm.util.progress_bar import MINUTE, Timer
from amlm.util.terminal import duration, say


@dataclass(eq=False)
class Progress(StepCallback):
    """Shows, on the first rank, the state of a run every so many seconds.

    It reads the record, never the device.
    """

    run_log: RunLog
    total_steps: int

    seconds: ClassVar[float]  # between two displays

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._timer, self._started = Timer(self.seconds), monotonic()
        self._first = trainer.global_step

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if trainer.is_global_zero and self._timer.passed():
            per_step = (monotonic() - self._started) / (step - self._first)
            self.show(step, per_step * (self.total_steps - step))

    @abstractmethod
    def show(self, step: int, left: float) -> None:
        """Shows the state after ``step`` completed steps, with ``left`` seconds left."""

    def position(self, step: int) -> str:
        return f"{step:,} of {self.total_steps:,} ({step / self.total_steps:.0%})"


class ProgressLines(Progress):
    """Prints a line every minute, for files and pipes."""

    seconds = MINUTE

    def show(self, step: int, left: float) -> None:
        say(self.line(step, left))

    def line(self, step: int, left: float) -> str:
        """The line after a step, with ``left`` seconds left."""
        parts = [f"step {self.position(step)}"]
        if train := self.run_log.latest.get("train"):
            parts.append(f"loss {train['loss']:.2f}, accuracy {train['accuracy']:.1%}")
            parts.append(f"{train['tokens_per_second']:,.0f} tokens/s")
        return ", ".join([*parts, f"{duration(left)} left"])

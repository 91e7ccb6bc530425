"""Saves the state that a resumed run needs."""

from __future__ import annotations

import os
from pathlib import Path

import lightning as L

from amlm.data.module import StepBatch


class Checkpoints(L.Callback):
    """Writes ``checkpoints/last.ckpt`` every so many optimizer steps and at the end.

    The file is written aside, synced and renamed, so that there is a whole one at any moment.

    Args:
        folder: the run folder.
        every: optimizer steps between two checkpoints.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.path = folder / "checkpoints" / "last.ckpt"
        self.every = every

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: StepBatch,
        batch_idx: int,
    ) -> None:
        if batch.last_part and (batch.step + 1) % self.every == 0:
            self.save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        aside = self.path.with_suffix(".aside")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(self.path)

"""Saves the state that a resumed run needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from amlm.training.callbacks import StepCallback
from amlm.training.lightning_module import AdaptiveMaskedLM


class Checkpoints(StepCallback, Checkpoint):
    """Writes ``checkpoints/last.ckpt`` every so many optimizer steps and at the end.

    The file is written aside, synced and renamed, so that there is a whole one at any moment. To
    Lightning this is one of its checkpoint callbacks, which act after all others.

    Args:
        folder: the run folder.
        every: optimizer steps between two checkpoints.
        validate_every: optimizer steps between two validations, 0 for none.
    """

    def __init__(self, folder: Path, every: int, validate_every: int) -> None:
        self.path = folder / "checkpoints" / "last.ckpt"
        self.every = every
        self.validate_every = validate_every

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        validates = self.validate_every and step % self.validate_every == 0
        if step % self.every == 0 and not validates and not trainer.should_stop:
            self.save(trainer, module)

    def on_validation_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        # Where both fall on one step, a resumed run must not validate there again, nor not at all.
        fitting = trainer.state.fn == TrainerFn.FITTING
        if fitting and trainer.global_step % self.every == 0 and not trainer.should_stop:
            self.save(trainer, pl_module)

    def on_train_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        self.save(trainer, pl_module)

    def save(self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM) -> None:
        """Saves now, unless the model has diverged since the last line of metrics."""
        if not pl_module.window.is_finite():
            return
        aside = self.path.with_suffix(".aside")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(self.path)

    # A run that was stopped early and then killed must not train on.

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["should_stop"] = trainer.should_stop

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        trainer.should_stop = checkpoint["should_stop"]

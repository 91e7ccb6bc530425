"""Saves the state that a run resumes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from amlm.training.callbacks import StepCallback
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks
from amlm.training.run_folder import CHECKPOINT
from amlm.util.errors import InputError


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, its tensors mapped from the file; executes nothing.

    Raises:
        InputError: it holds objects other than tensors and plain values.
    """
    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except UnpicklingError as error:
        named = re.search(r"(?:GLOBAL|class) (\S+)", str(error))
        raise InputError(
            f"{path} holds objects other than tensors and plain values"
            f"{f' ({named[1]})' if named else ''}, whose loading could run code: if a callback of "
            "yours saves them, let its state_dict give numbers, texts, lists and tensors"
        ) from error
    assert isinstance(found, dict)
    return found


@dataclass(eq=False)
class Checkpoints(StepCallback, Checkpoint):
    """Writes ``checkpoints/last.ckpt`` every ``every`` optimizer steps and at the end.

    The file is written aside, synced and renamed, so that a complete one always exists. To
    Lightning this is a checkpoint callback, which acts after all others.
    """

    folder: Path  # of the run
    every: int
    validate_every: int  # optimizer steps between validations; 0: never

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        validates = self.validate_every and step % self.validate_every == 0
        if step % self.every == 0 and not validates and not trainer.should_stop:
            self.save(trainer, module)

    def on_validation_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        # Where both fall on one step, a resumed run must neither repeat nor skip this validation.
        fitting = trainer.state.fn == TrainerFn.FITTING
        if fitting and trainer.global_step % self.every == 0 and not trainer.should_stop:
            self.save(trainer, pl_module)

    def on_train_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        self.save(trainer, pl_module)

    def save(self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM) -> None:
        """Saves now, unless something that would be saved is not finite: the last one is kept."""
        if not pl_module.is_finite(over_ranks(trainer)):
            return
        path = self.folder / CHECKPOINT
        aside = path.with_suffix(".aside")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            read_checkpoint(aside)  # what cannot be loaded is found now, not on resuming
            aside.replace(path)

    # A run that stopped early and was then killed must not resume training.

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["should_stop"] = trainer.should_stop

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        trainer.should_stop = checkpoint["should_stop"]

"""Saves the state that a run resumes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightning as L

from amlm.store.datamodule import StepBatch
from amlm.training import checkpoint_files
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks
from amlm.training.resume_state import Cursor, loops_at
from amlm.training.run_log import RunLog


@dataclass(eq=False)
class Checkpoints(L.Callback):
    """Saves a checkpoint every ``every`` optimizer steps, and at the end of the run.

    A step is saved when the next one starts, before all other callbacks. By then everything that
    belongs to it is done, also its validation and what Lightning itself logs, so that a resumed run
    neither loses nor repeats a record. No step follows the last, which `amlm.training.run` saves.
    """

    folder: Path  # of the run
    run_log: RunLog
    cursor: Cursor
    every: int
    last: Path | None = None  # the checkpoint saved last, or the one that the run resumes from
    _saved_step: int = field(default=0, init=False)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: StepBatch, batch_idx: int
    ) -> None:
        if batch.step and batch.step % self.every == 0 and batch.micro_batch == 0:
            assert isinstance(pl_module, AdaptiveMaskedLM)
            self.save(trainer, pl_module)

    def save(self, trainer: L.Trainer, module: AdaptiveMaskedLM) -> None:
        """Saves between two steps, unless nothing is new, or something that would be saved is not
        finite: then the last one is kept."""
        step = trainer.global_step
        if step == self._saved_step or not module.is_finite(over_ranks(trainer)):
            return
        if trainer.world_size > 1:
            module.gather_sums(over_ranks(trainer), trainer.is_global_zero)
        if trainer.is_global_zero:
            self.run_log.sync()  # before the checkpoint that speaks of it
        trainer.save_checkpoint(self.folder / checkpoint_files.FOLDER / checkpoint_files.NEW)
        if trainer.is_global_zero:
            self.last = checkpoint_files.keep(self.folder, step, self.last)
        self._saved_step = step

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        step = trainer.global_step
        checkpoint.update(
            epoch=0,  # the whole run is one
            loops=loops_at(step, self.cursor.accumulate),
            record={name: asdict(each) for name, each in self.run_log.positions().items()},
            should_stop=trainer.should_stop,
            **self.cursor.at(step),
        )

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        trainer.should_stop = checkpoint["should_stop"]
        self._saved_step = checkpoint["global_step"]

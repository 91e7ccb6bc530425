"""Lightning callbacks, one idea per file; most are a `StepCallback`.

`amlm.training.assemble.make_callbacks` defines their order. Callbacks can have two hooks of our
own: ``on_mask_update`` with an `Update`, called by `mask_update`, and ``on_evaluation`` with the
record, called on the first rank by `evaluation`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import lightning as L
from torch import Tensor

from amlm.store.datamodule import StepBatch
from amlm.training.lightning_module import AdaptiveMaskedLM


@dataclass(frozen=True)
class Update:
    """One update of the masking table. V token types."""

    step: int  # optimizer steps completed
    previous_V: Tensor  # the old table
    table_V: Tensor  # the new table
    floored: Tensor  # scalar, fraction of types clamped to the floor


class StepCallback(L.Callback, ABC):
    """A callback that acts after optimizer steps, however many micro-batches a step has."""

    @abstractmethod
    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        """Called after ``step`` completed optimizer steps."""

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: L.Trainer,
        pl_module: AdaptiveMaskedLM,
        outputs: object,
        batch: StepBatch,
        batch_idx: int,
    ) -> None:
        if batch.last_micro_batch:
            self.on_step_end(trainer, pl_module, batch.step + 1)


def notify(trainer: L.Trainer, hook: str, *arguments: object) -> None:
    """Calls a hook of our own."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if call := getattr(callback, hook, None):
            call(trainer, *arguments)

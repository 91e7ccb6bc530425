"""Updates the masking table every so many optimizer steps."""

from __future__ import annotations

import lightning as L

from amlm.training.callbacks import StepCallback, Update, over_ranks
from amlm.training.lightning_module import AdaptiveMaskedLM


class MaskUpdate(StepCallback):
    """Recomputes the table after steps ``every, 2·every, ...`` and tells the other callbacks.

    Args:
        every: optimizer steps between two updates.
        first: no update before this many steps.
        offset: steps by which every update comes later.
    """

    def __init__(self, every: int, first: int = 0, offset: int = 0) -> None:
        self.every = every
        self.first = first
        self.offset = offset

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        counted = step - self.offset
        if counted <= 0 or counted % self.every or step < self.first:
            return

        policy = module.masking
        previous_V = policy.table_V.clone()
        floored = policy.update(step, over_ranks(trainer))
        update = Update(step, previous_V, policy.table_V, floored)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if hook := getattr(callback, "on_mask_update", None):
                hook(trainer, module, update)

"""Updates the masking table at regular intervals."""

from __future__ import annotations

from dataclasses import dataclass

import lightning as L

from amlm.training.callbacks import StepCallback, Update, notify
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks


@dataclass(eq=False)
class MaskUpdate(StepCallback):
    """Updates the table after steps ``every, 2·every, ...`` and notifies the other callbacks.

    Args:
        every: optimizer steps between updates.
        first: earliest step of an update.
        offset: steps by which each update is delayed.
    """

    every: int
    first: int = 0
    offset: int = 0

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        counted = step - self.offset
        if counted <= 0 or counted % self.every or step < self.first:
            return

        policy = module.masking
        previous_V = policy.table_V.clone()
        floored = policy.update(step, over_ranks(trainer))
        update = Update(step, previous_V, policy.table_V, floored)
        notify(trainer, "on_mask_update", module, update)

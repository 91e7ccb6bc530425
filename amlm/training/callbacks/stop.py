"""Stops a run that a signal asks to stop, at the end of a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from amlm.training.callbacks import StepCallback
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.stopping import Stopped, StopRequest


@dataclass(eq=False)
class Stop(StepCallback, Checkpoint):
    """Saves a checkpoint after the step in which a signal came and ends the run with `Stopped`.

    The ranks agree on the step: each adds its signal to a sum on the hosts, without waiting, and
    reads it one step later. To Lightning this is a checkpoint callback, which acts after all
    others.
    """

    request: StopRequest
    checkpoints: Checkpoints
    timeout: float  # seconds to wait for another rank
    _pending: tuple[torch.Tensor, Any] | None = field(default=None, init=False)
    _signum: int = field(default=0, init=False)  # on which all ranks agree

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.request.install()
        if trainer.world_size > 1:
            limit = timedelta(seconds=self.timeout)
            self._group = dist.new_group(backend="gloo", timeout=limit)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.request.install()

    def on_validation_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        # Before and after training there is nothing to save.
        alone = trainer.state.fn == TrainerFn.VALIDATING and trainer.world_size == 1
        if alone and self.request.signum:
            raise Stopped(self.request.signum)

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        every = self.checkpoints.validate_every
        self._signum = self._signum or self._agreed(trainer)
        # Where a validation follows, a resumed run must neither repeat nor skip it.
        if not (every and step % every == 0):
            self._stop(trainer, module)

    def on_validation_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._stop(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # All steps are done and saved: what follows is left to the next start.
        signum = self._signum or self._agreed(trainer)
        if self._pending is not None:
            signum = signum or self._read()
        if signum:
            raise Stopped(signum)

    def _stop(self, trainer: L.Trainer, module: AdaptiveMaskedLM) -> None:
        if self._signum and not trainer.should_stop:
            if trainer.global_step % self.checkpoints.every:  # else it has just been saved
                self.checkpoints.save(trainer, module)
            raise Stopped(self._signum)

    def _agreed(self, trainer: L.Trainer) -> int:
        """The signal that any rank has had by the end of the previous step; 0: none."""
        if trainer.world_size == 1:
            return self.request.signum
        found = self._read() if self._pending else 0
        signum = torch.tensor([self.request.signum])
        reduced = dist.all_reduce(signum, dist.ReduceOp.MAX, group=self._group, async_op=True)
        self._pending = (signum, reduced)
        return found

    def _read(self) -> int:
        assert self._pending is not None
        (signum, reduced), self._pending = self._pending, None
        reduced.wait()
        return int(signum)

"""Stops a run that a signal asks to stop, at the end of a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.trainer.states import TrainerFn

from amlm.store.datamodule import StepBatch
from amlm.training.callbacks import StepCallback
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.stopping import Stopped, StopRequest


@dataclass(eq=False)
class Stop(StepCallback):
    """Saves a checkpoint after the step in which a signal came and ends the run with `Stopped`.

    The ranks agree on the step: each adds its signal to a sum on the hosts, without waiting, and
    reads it one step later. As `Checkpoints` does, it acts when the next step starts.
    """

    request: StopRequest
    checkpoints: Checkpoints
    timeout: float  # seconds to wait for another rank
    _pending: tuple[torch.Tensor, Any] | None = field(default=None, init=False)
    _signum: int = field(default=0, init=False)  # on which all ranks agree
    _group: Any = field(default=None, init=False)  # of all ranks, on the hosts

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        # Not when training starts: it does not where the last step has been saved.
        if trainer.world_size > 1 and self._group is None:
            limit = timedelta(seconds=self.timeout)
            self._group = dist.new_group(backend="gloo", timeout=limit)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.request.install()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.request.install()

    def on_validation_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        # Before and after training there is nothing to save.
        alone = trainer.state.fn == TrainerFn.VALIDATING and trainer.world_size == 1
        if alone and self.request.signum:
            raise Stopped(self.request.signum)

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        self._signum = self._signum or self._agreed(trainer)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: StepBatch, batch_idx: int
    ) -> None:
        if trainer.world_size == 1:
            self._signum = self.request.signum
        if self._signum and batch.step and batch.micro_batch == 0:
            assert isinstance(pl_module, AdaptiveMaskedLM)
            self.checkpoints.save(trainer, pl_module)
            raise Stopped(self._signum)

    def after_training(self, trainer: L.Trainer) -> None:
        """Ends the run after its last step, which is saved: the rest is left to the next start."""
        signum = self._signum or self._agreed(trainer)
        if self._pending is not None:
            signum = signum or self._read()
        if signum:
            raise Stopped(signum)

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

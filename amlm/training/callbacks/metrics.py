"""Writes training and validation metrics to the run's log, and stops a run that broke."""

from __future__ import annotations

import math
import time

import lightning as L

from amlm.store.plan import BatchPlan
from amlm.store.words_seen import WordCounter
from amlm.training.callbacks import StepCallback, over_ranks
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.record import RunLog
from amlm.util.errors import InputError


class Metrics(StepCallback):
    """One ``train`` record every ``every`` optimizer steps, one ``validation`` record each time.

    Args:
        run_log: where to.
        plan: for the epoch.
        words: for the number of words seen.
        every: optimizer steps between two records; reading them is the only time that the host
            waits for the device.
    """

    def __init__(self, run_log: RunLog, plan: BatchPlan, words: WordCounter, every: int) -> None:
        self.run_log = run_log
        self.plan = plan
        self.words = words
        self.every = every
        self._since = time.perf_counter()
        self._step = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._since, self._step = time.perf_counter(), trainer.global_step

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if step % self.every and step != self.plan.total_steps:
            return

        values = module.window.close(over_ranks(trainer), trainer.world_size)
        now = time.perf_counter()
        tokens = (step - self._step) * self.plan.tokens_per_step
        self.run_log.write(
            "train",
            {
                "step": step,
                **values,
                "lr": module.learning_rate,
                "epoch": self.plan.epoch(step),
                "words_seen": self.words.seen(step),
                "tokens_per_second": tokens / (now - self._since),
            },
        )
        self._since, self._step = now, step
        if not math.isfinite(values["loss"] + values["gradient_norm"]):
            raise InputError(
                f"the run has diverged by step {step}: loss {values['loss']}, gradient norm "
                f"{values['gradient_norm']}. Try a smaller optimizer.lr or a longer "
                "optimizer.warmup; the last checkpoint is from before"
            )

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._paused = time.perf_counter()

    def on_validation_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        self.run_log.write(
            "validation", {"step": trainer.global_step, **pl_module.validation.close()}
        )
        self._since += time.perf_counter() - self._paused  # speed is that of training alone

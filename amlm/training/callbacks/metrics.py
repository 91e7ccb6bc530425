"""Writes training and validation metrics to the run's log, and stops a run that broke."""

from __future__ import annotations

import math
import time

import lightning as L
import torch

from amlm.store.datamodule import StepBatch
from amlm.store.plan import BatchPlan
from amlm.store.words_seen import WordCounter
from amlm.training.callbacks import StepCallback, over_ranks
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.record import Record
from amlm.training.run_log import RunLog
from amlm.util.errors import InputError

LOGGED = ("loss", "accuracy", "ratio", "realised_ratio", "gradient_norm")  # those that there are
MONITORED = (*(f"train/{name}" for name in LOGGED), "validation/loss", "validation/accuracy")


def logged(record: Record) -> dict[str, float]:
    """What callbacks can monitor of a record, e.g. ``train/loss``, ``validation/accuracy``."""
    return {f"{record['kind']}/{name}": record[name] for name in LOGGED if name in record}


class Metrics(StepCallback):
    """One ``train`` record every ``every`` optimizer steps, one ``validation`` record each time.

    Their main numbers are logged to Lightning too, for callbacks that monitor them.

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
        # A resumed run's callbacks monitor what they would have monitored.
        for kind in ("train", "validation"):
            values = logged(self.run_log.latest.get(kind, {"kind": kind}))
            trainer.callback_metrics.update({n: torch.tensor(v) for n, v in values.items()})

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: StepBatch, batch_idx: int
    ) -> None:
        self.run_log.step = batch.step + 1

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if step % self.every == 0 or step == self.plan.total_steps:
            module.log_dict(logged(self._write(trainer, module, step)), logger=False)

    def on_train_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        # A run that was stopped early has not known its last step beforehand.
        if self.run_log.latest.get("train", {}).get("step") != trainer.global_step:
            self._write(trainer, pl_module, trainer.global_step)

    def _write(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> Record:
        values = module.window.close(over_ranks(trainer), trainer.world_size)
        now = time.perf_counter()
        tokens = (step - self._step) * self.plan.tokens_per_step
        record = self.run_log.write(
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
        return record

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._paused = time.perf_counter()

    def on_validation_epoch_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        record = self.run_log.write(
            "validation", {"step": trainer.global_step, **pl_module.validation.close()}
        )
        pl_module.log_dict(logged(record), logger=False, batch_size=1)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._since += time.perf_counter() - self._paused  # speed is that of training alone

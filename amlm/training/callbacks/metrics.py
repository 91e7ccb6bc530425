"""Records training and validation metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import lightning as L
import torch

from amlm.store.datamodule import StepBatch
from amlm.store.plan import BatchPlan
from amlm.store.words_seen import WordCounter
from amlm.training.callbacks import StepCallback
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks
from amlm.training.record import Record
from amlm.training.run_log import RunLog
from amlm.util.memory import resident_peak

LOGGED = ("loss", "accuracy", "ratio", "realised_ratio", "gradient_norm")  # those that there are
MONITORED = (*(f"train/{name}" for name in LOGGED), "validation/loss", "validation/accuracy")


def logged(record: Record) -> dict[str, float]:
    """The metrics of a record that callbacks can monitor, e.g. ``train/loss``."""
    return {f"{record['kind']}/{name}": record[name] for name in LOGGED if name in record}


def memory(device: torch.device) -> dict[str, int | None]:
    """The most bytes so far: ``peak_memory``, resident in this process, and on a GPU
    ``peak_device_memory``, of torch's allocator. The host has both counts: nothing waits."""
    found = {"peak_memory": resident_peak()}
    if device.type == "cuda":
        found["peak_device_memory"] = torch.cuda.max_memory_allocated(device)
    return found


@dataclass(eq=False)
class Metrics(StepCallback):
    """One ``train`` record every ``every`` optimizer steps, one ``validation`` record each time.

    Their main metrics are also logged to Lightning, for callbacks that monitor them. Only these
    records need host-device synchronisation.
    """

    run_log: RunLog
    plan: BatchPlan
    words: WordCounter
    every: int
    _since: float = field(default_factory=time.perf_counter, init=False)
    _step: int = field(default=0, init=False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._since, self._step = time.perf_counter(), trainer.global_step
        # Callbacks of a resumed run see the same metrics as if it had not stopped.
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
        # The last step of a run that stops early is not known in advance.
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
                **memory(module.device),
            },
        )
        self._since, self._step = now, step
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
        self._since += time.perf_counter() - self._paused  # speed counts training only

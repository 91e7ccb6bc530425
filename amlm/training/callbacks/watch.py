"""Watches the health of a run: says what goes wrong, and ends it when it cannot go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import lightning as L

from amlm.training.callbacks import StepCallback, Update
from amlm.training.divergence import Divergence, advice, dump
from amlm.training.health import Health
from amlm.training.lightning_module import AdaptiveMaskedLM, over_ranks
from amlm.training.record import LOG_FILE, Record, read_log
from amlm.training.run_log import RunLog
from amlm.util.errors import InputError
from amlm.util.terminal import say


@dataclass(eq=False)
class Watch(StepCallback):
    """Writes a ``health`` record for each event of `amlm.training.health`, and ends a run in which
    a loss, a gradient, the table or the last weights are not finite.

    It reads what the host has read already, at ``train`` records and updates of the table, and the
    weights when training ends.
    """

    run_log: RunLog
    health: Health = field(default_factory=Health, init=False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero and (self.run_log.folder / LOG_FILE).is_file():
            self.health.recall(read_log(self.run_log.folder))

    def on_mask_update(
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM, update: Update
    ) -> None:
        wrong = (~update.table_V.isfinite()).any().double()
        if float(over_ranks(trainer)(wrong)):
            self._end(trainer, Divergence(update.step, "masking table"))

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        latest = [self.run_log.latest.get(kind) for kind in ("mask_update", "train")]
        for record in latest:
            if record is not None and record["step"] == step:
                self._look(trainer, module, record)

    def on_evaluation(self, trainer: L.Trainer, module: AdaptiveMaskedLM, record: Record) -> None:
        self._look(trainer, module, record)

    def on_train_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        # The last record of a run that stops early is new, and none is about the last weights.
        self._check(trainer, pl_module, self.run_log.latest["train"])
        if not pl_module.is_finite(over_ranks(trainer)):
            self._end(trainer, Divergence(trainer.global_step, "model"))

    def _look(self, trainer: L.Trainer, module: AdaptiveMaskedLM, record: Record) -> None:
        self._check(trainer, module, record)
        if event := self.health(record):
            self._report(trainer, {"step": record["step"], **event})

    def _check(self, trainer: L.Trainer, module: AdaptiveMaskedLM, record: Record) -> None:
        sums = [record["loss"], record["gradient_norm"]] if record["kind"] == "train" else []
        if not all(map(math.isfinite, sums)):
            window = module.window
            first = record["step"] - window.closed_steps + window.finite_steps + 1
            self._end(trainer, Divergence(first, "loss or gradient"))

    def _end(self, trainer: L.Trainer, found: Divergence) -> None:
        text = advice(self.run_log.folder, found)
        self._report(trainer, {"step": found.step, "event": "diverged", "message": text})
        if trainer.is_global_zero:
            dump(self.run_log.folder, found)
        raise InputError(text)

    def _report(self, trainer: L.Trainer, event: Record) -> None:
        self.run_log.write("health", event)
        if trainer.is_global_zero and event["event"] != "diverged":  # that is the error itself
            say(f"warning: step {event['step']:,}: {event['message']}")

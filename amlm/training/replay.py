"""Repeats the steps of a run up to the one in which it diverged, and names what was not finite
first: ``debug=replay run_dir=<folder>``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning as L
from omegaconf import OmegaConf
from torch import Tensor

from amlm.config.build_options import build_options
from amlm.config.schema import Config
from amlm.store.datamodule import StepBatch
from amlm.store.identity import Content
from amlm.store.token_store import open_store
from amlm.training.assemble import make_parts, make_trainer
from amlm.training.callbacks import StepCallback, Update
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.devices import fixed_order_of_sums
from amlm.training.divergence import CHECKPOINT, find_dump
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.run_description import CONFIG_FILE, read_description
from amlm.util.errors import InputError
from amlm.util.files import write_json
from amlm.util.terminal import quiet_lightning

REPLAY = "replay.json"


@dataclass(eq=False)
class Search(StepCallback):
    """Looks at every tensor of every step, until one is not finite; waits for the device often."""

    until: int  # steps completed
    found: dict[str, Any] = field(default_factory=dict, init=False)
    _batch: StepBatch | None = field(default=None, init=False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name, part in pl_module.named_modules():
            part.register_forward_hook(self._hook(name or "model"))

    def _hook(self, name: str) -> Callable[[Any, Any, Any], None]:
        def look(_part: Any, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self._look(f"output of {name}", output)

        return look

    def _look(self, name: str, value: Tensor) -> None:
        if not self.found and self._batch is not None and not bool(value.isfinite().all()):
            wrong = int((~value.isfinite()).sum())
            self.found = {
                "step": self._batch.step + 1,
                "micro_batch": self._batch.micro_batch,
                "tensor": name,
                "shape": list(value.shape),
                "not_finite": wrong,
            }

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: StepBatch, batch_idx: int
    ) -> None:
        self._batch = batch
        for name, weights in pl_module.named_parameters():
            self._look(f"weights {name}", weights.detach())

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name, weights in pl_module.named_parameters():
            if weights.grad is not None:
                self._look(f"gradient of {name}", weights.grad)

    def on_train_batch_end(self, *arguments: Any) -> None:
        trainer, _, outputs = arguments[:3]
        self._look("loss", outputs["loss"])
        super().on_train_batch_end(*arguments)
        trainer.should_stop = trainer.should_stop or bool(self.found)

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        self._look("gradient norm", module.window.sums_5[4])
        trainer.should_stop = step > self.until

    def on_mask_update(self, trainer: L.Trainer, module: AdaptiveMaskedLM, update: Update) -> None:
        self._look("masking table", update.table_V)


def replay(run: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Repeats a diverged run from its last checkpoint on one device, without a record.

    Returns: step, tensor, shape and number of elements of what was not finite first; also written
        to ``replay.json`` beside the dump.

    Raises:
        InputError: the folder has no dump, or everything stayed finite, as can be if it is
            compiled for a GPU, where the order of sums varies, and for a run of several processes,
            whose dropout differs.
    """
    quiet_lightning()
    folder, diverged = find_dump(run)
    container = OmegaConf.create(OmegaConf.to_container(OmegaConf.load(folder / CONFIG_FILE)))
    assert isinstance(container, type(OmegaConf.create({})))
    config = build_options(container, Config)
    options = replace(config.trainer, devices=1, validate_every=0)
    cache = Path(config.paths.cache).expanduser()
    content = read_description(run).get("content")
    recorded = Content(**content) if content else None
    store = open_store(config.data, config.tokenizer, cache, say, recorded)
    parts = make_parts(config, store)
    search, masking = Search(diverged.step), config.masking
    update = MaskUpdate(masking.update_every, masking.first_update, masking.update_offset)
    trainer = make_trainer(options, parts.plan, folder, [update, search])
    checkpoint = folder / CHECKPOINT
    start: dict[str, Any] = {}
    if checkpoint.is_file():
        start = {"ckpt_path": checkpoint, "weights_only": True}
    say(
        f"replay   {diverged}; repeats the steps from the {'last checkpoint' if start else 'start'}"
    )
    with fixed_order_of_sums(options):
        trainer.fit(parts.module, datamodule=parts.data, **start)
    if not search.found:
        raise InputError(
            f"{folder}: everything stayed finite up to step {diverged.step:,}. Compiled for a "
            "GPU, sums vary: try again, or with trainer.compile=none or trainer.accelerator=cpu in "
            "its config.yaml. And each of several processes draws its own dropout: one can't "
            "repeat their run exactly"
        )
    write_json(folder / REPLAY, search.found, indent=2)
    what = f"{search.found['tensor']} {search.found['shape']}"
    count = search.found["not_finite"]
    say(f"found    step {search.found['step']:,}: {what}: {count:,} elements are not finite")
    return search.found

"""The two training steps to compare; each can be repeated any number of times.

Shapes: G sequences, L positions, V token types.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor, nn
from torch.optim import Optimizer

from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.synthetic_text import synthetic_store
from amlm.models.build import to_hugging_face
from amlm.optim.optimizers import make_optimizer
from amlm.store.datamodule import StepBatch
from amlm.training.assemble import make_parts, make_trainer
from amlm.training.devices import check_device
from amlm.training.lightning_module import AdaptiveMaskedLM

if TYPE_CHECKING:
    from transformers import DebertaV2ForMaskedLM

BATCHES = 4  # distinct batches, used in rotation


class OurStep:
    """A step of our training run: masks, encoder, head, loss, backward, clipping, optimizer.

    Fetching the batch is not included, nor is the overhead of Lightning and the callbacks.

    Args:
        options: the shape.
        more: overrides of the run's configuration.
    """

    def __init__(self, options: Options, *more: str) -> None:
        self.options = options
        constant = ("masking/schedule=constant", f"masking.schedule.value={options.ratio}")
        self.config = configuration(options, *constant, "trainer.max_steps=1000", *more)
        check_device(self.config.trainer)
        parts = make_parts(self.config, synthetic_store(self.config))
        trainer = make_trainer(self.config.trainer, parts.plan, Path())
        self.module: AdaptiveMaskedLM = parts.module.to(options.torch_device).train()
        self.module.trainer = trainer
        self.optimizer: Optimizer = self.module.configure_optimizers()["optimizer"]
        self.data = parts.data
        self.data.trainer = trainer
        fetched = iter(self.data.train_dataloader())
        self.batches: list[StepBatch] = [
            move_data_to_device(next(fetched), options.torch_device) for _ in range(BATCHES)
        ]

    def loss(self, number: int) -> Tensor:
        with _autocast(self.options):
            loss: Tensor = self.module.training_step(self.batches[number % BATCHES], number)
            return loss

    def take(self, number: int) -> None:
        self.loss(number).backward()  # type: ignore[no-untyped-call]
        self.optimize()

    def optimize(self) -> None:
        self.module.configure_gradient_clipping(self.optimizer)
        self.optimizer.step()
        self.optimizer.zero_grad()


class TheirStep:
    """A plain Hugging Face step of the same model on the same corrupted batches.

    It computes logits and loss at every position, with label -100 where there is none, and uses the
    same clipping and optimizer. Drawing the masks is not included.
    """

    def __init__(self, ours: OurStep) -> None:
        self.options = ours.options
        self.model: DebertaV2ForMaskedLM = to_hugging_face(ours.module.model)
        self.model.to(ours.options.torch_device).train()
        self.call: Callable[..., Any] = self.model
        if ours.options.compile != "none":
            self.call = torch.compile(self.model, mode=ours.options.compile)
        self.clip = ours.config.optimizer.clip
        self.optimizer = make_optimizer(ours.config.optimizer, self.model.parameters())
        self.optimizer.param_groups[0]["lr"] = ours.optimizer.param_groups[0]["lr"]
        self.batches: list[tuple[Tensor, Tensor]] = []
        for batch in ours.batches:
            drawn = ours.module.masking.corrupt(batch.ids_GL, batch.step, batch.words_GL)
            labels_GL = torch.where(drawn.selected_GL, batch.ids_GL, -100)
            self.batches.append((drawn.inputs_GL, labels_GL))

    def loss(self, number: int) -> Tensor:
        inputs_GL, labels_GL = self.batches[number % BATCHES]
        with _autocast(self.options):
            loss: Tensor = self.call(inputs_GL, labels=labels_GL).loss
            return loss

    def take(self, number: int) -> None:
        self.loss(number).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()


def zero_gradients(optimizer: Optimizer) -> None:
    """Sets all gradients to zeros, to time the optimizer on its own."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)


def _autocast(options: Options) -> torch.autocast:
    return torch.autocast(options.torch_device.type, torch.bfloat16, enabled=options.bfloat16)

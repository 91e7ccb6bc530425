"""What a run computes on, from the ``trainer`` section of its configuration."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy

from amlm.config.run_schema import TrainerConfig
from amlm.util.errors import InputError

BF16_AUTOCAST = "bf16-true-autocast"


def check_device(options: TrainerConfig) -> None:
    """Raises InputError if a GPU is asked for and there is none."""
    if options.accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("impl=gpu asks for a GPU and torch sees none: use impl=cpu")


def accelerator(options: TrainerConfig) -> str:
    """The kind of device. Lightning's own choice can be one without float64, which the masking
    arithmetic needs."""
    choice = {"gpu": "cuda", "auto": "cuda" if torch.cuda.is_available() else "cpu"}
    return choice.get(options.accelerator, options.accelerator)


def world_size(options: TrainerConfig) -> int:
    """Number of devices, each with a process of its own."""
    everything = torch.cuda.device_count() if accelerator(options) == "cuda" else 1
    return options.devices or max(everything, 1)


def precision(options: TrainerConfig) -> Any:
    """The precision as Lightning names it."""
    if options.precision != "auto":
        return {"32": "32-true", BF16_AUTOCAST: "bf16-true"}.get(
            options.precision, options.precision
        )
    able = accelerator(options) == "cuda" and torch.cuda.is_bf16_supported(False)
    return "bf16-mixed" if able else "32-true"


def strategy(options: TrainerConfig) -> Any:
    """How several processes train together."""
    if world_size(options) == 1:
        return "auto"
    # Left to itself, data-parallel training copies the first rank's buffers to all others at every
    # step: each would lose the statistics of its own share.
    return DDPStrategy(broadcast_buffers=False)

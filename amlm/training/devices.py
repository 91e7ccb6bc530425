"""Device, precision and strategy, from the ``trainer`` section of a configuration."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy

from amlm.config.run_schema import TrainerConfig
from amlm.util.errors import InputError

BF16_AUTOCAST = "bf16-true-autocast"


def check_device(options: TrainerConfig) -> None:
    """Raises InputError if a GPU is requested and there is none."""
    if options.accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("impl=gpu needs a GPU and torch finds none: use impl=cpu")


def accelerator(options: TrainerConfig) -> str:
    """The device type. Lightning's own choice may lack float64, which masking needs."""
    choice = {"gpu": "cuda", "auto": "cuda" if torch.cuda.is_available() else "cpu"}
    return choice.get(options.accelerator, options.accelerator)


def world_size(options: TrainerConfig) -> int:
    """Number of devices, one process each."""
    available = torch.cuda.device_count() if accelerator(options) == "cuda" else 1
    return options.devices or max(available, 1)


def precision(options: TrainerConfig) -> Any:
    """The precision as Lightning names it."""
    if options.precision != "auto":
        names = {"32": "32-true", BF16_AUTOCAST: "bf16-true"}
        return names.get(options.precision, options.precision)
    supported = accelerator(options) == "cuda" and torch.cuda.is_bf16_supported(False)
    return "bf16-mixed" if supported else "32-true"


def strategy(options: TrainerConfig) -> Any:
    """The strategy for several processes."""
    if world_size(options) == 1:
        return "auto"
    # By default DDP copies the first rank's buffers to all others at every step: they would lose
    # the statistics of their own rows.
    return DDPStrategy(broadcast_buffers=False)

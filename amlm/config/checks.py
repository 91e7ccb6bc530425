"""Rules between options, checked before anything heavy is imported."""

from __future__ import annotations

import math

from amlm.config.options import check_ranges
from amlm.config.run_schema import LoggerConfig
from amlm.config.schema import Config, DataConfig, MaskingConfig
from amlm.util.errors import InputError


def check_division(config: Config, devices: int) -> None:
    """Raises InputError if a step can't be divided over devices and accumulation parts."""
    tokens, accumulate = config.data.tokens_per_step, config.trainer.accumulate
    for length in config.data.sequence_length.values():
        if tokens % (length * accumulate * devices):
            raise InputError(
                f"data.tokens_per_step={tokens} must be a multiple of the sequence length {length} "
                f"times trainer.accumulate={accumulate} times {devices} devices"
            )


def check(config: Config) -> None:
    """Raises InputError if an option is out of range or two options contradict each other."""
    check_ranges(config)
    model, data, trainer = config.model, config.data, config.trainer
    if model.hidden_size % model.heads:
        raise InputError(
            f"model.hidden_size={model.hidden_size} is not a multiple of "
            f"model.heads={model.heads}: every head has the same width"
        )
    lengths = data.sequence_length
    if not lengths or min(lengths) != 0:
        raise InputError(
            f"data.sequence_length={dict(lengths)} must say the length from epoch 0 on, "
            "e.g. {0: 64}"
        )
    for epoch, length in lengths.items():
        if not 4 <= length <= model.max_positions:
            raise InputError(
                f"data.sequence_length={{{epoch}: {length}}} is out of range: a block has at least "
                f"4 and at most model.max_positions={model.max_positions} tokens"
            )
    check_division(config, devices=max(trainer.devices, 1))
    _check_shares(data)
    _check_effects(config)
    if config.masking.counters == "bfloat16" and (trainer.devices != 1 or trainer.accumulate != 1):
        raise InputError(
            "masking.counters=bfloat16 adds each step's whole batch at once, as the authors' "
            f"script does on one device: trainer.devices={trainer.devices} and "
            f"trainer.accumulate={trainer.accumulate} must both be 1"
        )


def _check_effects(config: Config) -> None:
    """Raises InputError for an option that changes nothing in the chosen setting."""
    nhot, masking, logger = config.model.nhot, config.masking, config.logger
    if nhot.fusion == "none" and nhot.dim is not None:
        raise InputError(f"model.nhot.dim={nhot.dim} has no effect without model/nhot=add")
    default = MaskingConfig()
    signal = masking.signal["_target_"] if isinstance(masking.signal, dict) else ""
    if signal.endswith(".Uniform"):
        for name in ("smoothing", "floor"):
            if getattr(masking, name) != getattr(default, name):
                raise InputError(
                    f"masking.{name}={getattr(masking, name)} has no effect with "
                    "masking/signal=uniform: the table never changes"
                )
    if logger.name != "wandb":
        for name in ("project", "entity", "mode"):
            if getattr(logger, name) != getattr(LoggerConfig(), name):
                raise InputError(
                    f"logger.{name}={getattr(logger, name)} has no effect without logger=wandb"
                )


def _check_shares(data: DataConfig) -> None:
    for name, share in data.shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"data.shares.{name}={share} is out of range: a share is 0 to 1")
    total = math.fsum(data.shares.values())
    if data.shares and abs(total - 1) > 1e-6:
        raise InputError(
            f"data.shares={dict(data.shares)} add up to {total:g}: they must add up to 1"
        )

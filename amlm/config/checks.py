"""Rules between options, checked before anything heavy is imported."""

from __future__ import annotations

import math
import os
from dataclasses import fields
from operator import attrgetter
from pathlib import PurePath

from amlm.config.options import check_ranges
from amlm.config.schema import Config, DataConfig, as_dict, flat
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

CROWDED = 4  # processes of a run on one CPU core


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_division(config: Config, devices: int) -> None:
    """Raises InputError if a step cannot be divided over devices and micro-batches."""
    if config.masking.counters == "bfloat16" and (devices, config.trainer.accumulate) != (1, 1):
        raise InputError(
            "masking.counters=bfloat16 adds the whole batch of a step at once, as the authors' "
            f"script does on one device: the number of devices ({devices}) and "
            f"trainer.accumulate={config.trainer.accumulate} must both be 1"
        )
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
    for key, value in flat(as_dict(config)).items():
        if isinstance(value, str) and not _is_unicode(value):
            raise InputError(
                f"{key}={value} has bytes that are no UTF-8 (escaped here): rename the file or "
                "folder, or set the variable LC_ALL=C.UTF-8 if its name is in UTF-8"
            )
    model, lengths = config.model, config.data.sequence_length
    if model.hidden_size % model.heads:
        raise InputError(
            f"model.hidden_size={model.hidden_size} is not a multiple of model.heads={model.heads}"
        )
    if not lengths or min(lengths) != 0:
        raise InputError(
            f"data.sequence_length={dict(lengths)} must give the length from epoch 0 on, "
            "e.g. {0: 64}"
        )
    for epoch, length in lengths.items():
        if not 4 <= length <= model.max_positions:
            raise InputError(
                f"data.sequence_length={{{epoch}: {length}}} is out of range: a length must be at "
                f"least 4 and at most model.max_positions={model.max_positions}"
            )
    devices, cores = config.trainer.devices, os.cpu_count() or 1
    if devices > CROWDED * cores and config.slurm.submit == "none":
        raise InputError(
            f"trainer.devices={devices} starts as many processes, and this machine has {cores} CPU "
            f"cores, which do not serve more than {CROWDED * cores}: give one for each GPU, or core"
        )
    check_division(config, devices=max(devices, 1))
    if config.trainer.compile == "reduce-overhead" and config.trainer.accumulate > 1:
        raise InputError(
            "trainer.compile=reduce-overhead writes gradients to the same memory at each "
            f"micro-batch: trainer.accumulate={config.trainer.accumulate} must be 1, or use "
            "trainer.compile=default"
        )
    name = PurePath(config.name or "")
    if ".." in name.parts or name.is_absolute():
        raise InputError(
            f"name={name} is no folder below paths.outputs: leave out the path, or give the place "
            "with run_dir=<folder>"
        )
    if config.trainer.replay and config.run_dir is None:
        raise InputError("debug=replay needs the folder of a run that has diverged: run_dir=...")
    _check_shares(config.data)
    _check_languages(config.data)
    _check_effects(config)


def _check_effects(config: Config) -> None:
    """Raises InputError for an option that has no effect with the chosen components."""
    signal = config.masking.signal
    unused: list[tuple[str, tuple[str, ...], str]] = []
    if config.model.nhot.fusion == "none":
        unused.append(("model.nhot", ("dim", "include_self"), "with model/nhot=none"))
    if isinstance(signal, dict) and signal["_target_"].endswith(".Uniform"):
        reason = "with masking/signal=uniform: the table never changes"
        unused.append(("masking", ("smoothing", "floor", "control"), reason))
    if isinstance(signal, dict) and signal["_target_"].endswith(".Neural"):
        reason = "with masking/signal=neural: masks are not drawn from the table"
        unused.append(("masking", ("control",), reason))
    if config.slurm.submit == "none":
        names = tuple(field.name for field in fields(config.slurm) if field.name != "submit")
        unused.append(("slurm", names, "without impl=slurm"))
    if config.logger.name != "wandb":
        unused.append(("logger", ("project", "entity", "mode"), "without logger=wandb"))
    for section, names, reason in unused:
        given, default = attrgetter(section)(config), attrgetter(section)(Config())
        for name in names:
            value = getattr(given, name)
            if value != getattr(default, name):
                raise InputError(f"{section}.{name}={value} has no effect {reason}")


def _check_shares(data: DataConfig) -> None:
    for name, share in data.shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"data.shares.{name}={share} is out of range: it must be 0 to 1")
    total = math.fsum(data.shares.values())
    if data.shares and abs(total - 1) > 1e-6:
        raise InputError(f"data.shares={dict(data.shares)} sum to {total:g}: they must sum to 1")


def _check_languages(data: DataConfig) -> None:
    known = "eng", "nld", "zho"
    for name, language in data.languages.items():
        if language not in known:
            raise InputError(
                f"data.languages.{name}={language} is no language of the multilingual track"
                f"{nearest(language, known)}: it must be one of {', '.join(known)}"
            )
    if data.languages and data.track != "multilingual":
        raise InputError(
            f"data.languages={dict(data.languages)} has no effect without data.track=multilingual"
        )

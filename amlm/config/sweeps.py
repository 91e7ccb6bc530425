"""Sweeps: the runs that a command stands for, and where each of them goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any

from hydra.core.override_parser.types import Override

from amlm.config.overrides import how_to_quote
from amlm.util.errors import InputError

CHECKED_RUNS = 256  # of a sweep, beforehand; a check takes a tenth of a second


def _values(override: Override) -> list[str]:
    """An override for each value of a sweep; for the two ends of an interval."""
    key, value = override.get_key_element(), override.value()
    if override.is_interval_sweep():
        ends: Any = value
        return [f"{key}={ends.start}", f"{key}={ends.end}"]
    if not override.is_sweep_override():
        assert override.input_line is not None
        return [override.input_line]
    return [f"{key}={each}" for each in islice(override.sweep_string_iterator(), CHECKED_RUNS)]


def runs(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The overrides of every run of a sweep, or of the one run; of huge sweeps the first ones.

    Raises:
        InputError: a sweep without any value.
    """
    values = [_values(each) for each in overrides]
    for override, found in zip(overrides, values, strict=True):
        if not found:
            raise InputError(f"{override.input_line} is a sweep of no values")
    for command in islice(product(*values), CHECKED_RUNS):
        yield list(command)


def check_sweep(overrides: Sequence[Override], multirun: bool, sweeper: str) -> None:
    """Checks that a sweep is asked for, and that the sweeper can make it.

    Args:
        overrides: of the command.
        multirun: whether ``--multirun`` was given.
        sweeper: the choice of ``hydra/sweeper``.

    Raises:
        InputError: says what to add.
    """
    for override in overrides:
        name, text = override.key_or_group, override.input_line
        if override.is_sweep_override() and not multirun:
            raise InputError(
                f"{text} is a sweep: add --multirun for a run with each value; "
                + how_to_quote(name, override.get_value_string())
            )
        if override.is_interval_sweep() and sweeper == "basic":
            raise InputError(
                f"{text}: an interval needs a sweeper that draws from it: pip install "
                "'amlm[optuna]' and add hydra/sweeper=optuna, or sweep over values"
            )

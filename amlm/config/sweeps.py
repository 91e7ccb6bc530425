"""Sweeps: the runs that a command stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any

from hydra.core.override_parser.types import Override

from amlm.config.overrides import how_to_quote
from amlm.util.errors import InputError

CHECKED_RUNS = 256  # per sweep; checking one takes a tenth of a second


def _values(override: Override) -> list[str]:
    """One override for each value of a sweep, or for the two ends of an interval."""
    key, value = override.get_key_element(), override.value()
    if override.is_interval_sweep():
        ends: Any = value
        return [f"{key}={ends.start}", f"{key}={ends.end}"]
    if not override.is_sweep_override():
        assert override.input_line is not None
        return [override.input_line]
    return [f"{key}={each}" for each in islice(override.sweep_string_iterator(), CHECKED_RUNS)]


def runs(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The overrides of each run, of a large sweep of its first `CHECKED_RUNS` runs.

    Raises:
        InputError: a sweep without any value.
    """
    values = [_values(each) for each in overrides]
    for override, found in zip(overrides, values, strict=True):
        if not found:
            raise InputError(f"{override.input_line} matches nothing to sweep over")
    yield from (list(each) for each in islice(product(*values), CHECKED_RUNS))


def check_sweep(overrides: Sequence[Override], multirun: bool, sweeper: str) -> None:
    """Raises InputError for a sweep without ``--multirun``, or one that the sweeper (the choice of
    ``hydra/sweeper``) does not support."""
    for override in overrides:
        name, text = override.key_or_group, override.input_line
        if override.is_sweep_override() and not multirun:
            raise InputError(
                f"{text} is a sweep: add --multirun to run each value; "
                + how_to_quote(name, override.get_value_string())
            )
        if override.is_interval_sweep() and sweeper == "basic":
            raise InputError(
                f"{text}: an interval needs a sweeper that samples from it: pip install "
                "'amlm[optuna]' and add hydra/sweeper=optuna, or sweep over values"
            )

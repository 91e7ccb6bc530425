"""Sweeps: the runs that a command stands for.

A named sweep is a file in ``conf/sweep``: ``sweep=<file>`` runs its grid. With ``--multirun`` any
other name is that of a sweep of the user's own. Both keep their runs in
``<outputs>/multirun/<name>``, so that the same command resumes and extends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from hydra.core.override_parser.types import Override

from amlm.config.overrides import how_to_quote
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

CHECKED_RUNS = 256  # per sweep; checking one takes a tenth of a second


def place_sweep(overrides: Sequence[str], named: Sequence[str], swept: bool) -> list[str]:
    """The overrides with the folder of the sweep that ``sweep=`` names, if none is given.

    Args:
        overrides: of a run.
        named: the files in ``conf/sweep``.
        swept: whether ``--multirun`` is given, with values to sweep over.

    Raises:
        InputError: ``sweep=`` names no file, and nothing else either.
    """
    given = dict(each.partition("=")[::2] for each in overrides)
    if (name := given.get("sweep")) is None or name == "null":
        return list(overrides)
    if name not in named:
        if not swept:
            raise InputError(
                f"sweep={name} is not a named sweep{nearest(name, named)}: one of "
                f"{', '.join(named)}. With --multirun and values to sweep over it names "
                "a sweep of your own"
            )
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise InputError(f"sweep={name} names a folder: use letters, digits, _, - and .")
        overrides = [each for each in overrides if not each.startswith("sweep=")]
    folder = [] if "run_dir" in given else [f"run_dir=${{paths.outputs}}/multirun/{name}"]
    return [*overrides, *folder]


def with_grid(overrides: Sequence[str], grid: Mapping[str, Any]) -> list[str]:
    """The overrides of a sweep whose grid a YAML file gives (``hydra.sweeper.params``), where those
    of the command line win: Hydra would run both."""
    given = {each.partition("=")[0]: each for each in overrides}
    of_grid = [given.pop(key, f"{key}={value}") for key, value in grid.items()]
    return [*of_grid, *given.values(), "hydra.sweeper.params=null"] if grid else list(overrides)


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

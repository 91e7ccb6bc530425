"""What a command is: its options, its task, and its checks before it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from amlm.config.schema import Config

Options = TypeVar("Options")

RUN_CONFIG = "config"  # the YAML file that is the root of a run's configuration


def root_of(schema: type[Any], program: str = "options") -> str:
    """Name of the root configuration that Hydra composes."""
    return RUN_CONFIG if schema is Config else program.replace(".", " ").split()[-1]


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended.

    Attributes:
        word: ``finished``, ``skipped`` (it had finished before), ``submitted`` (as a job),
            ``failed``, or ``stopped`` by a signal.
        objective: for a sweeper.
        why: it failed.
        signum: the signal that stopped it.
    """

    word: str
    objective: float | None = None
    why: str = ""
    signum: int = 0


@dataclass(frozen=True)
class Command(Generic[Options]):
    """A command of the package, run by `amlm.config.command_line.run`.

    Attributes:
        program: how it is called, e.g. ``amlm.data download``.
        about: what it does, for ``--help``.
        schema: a dataclass with fields made by `amlm.config.options.option`; the default `NEEDED`
            marks a required one.
        task: called with the options, once per run of a sweep. It may return the objective of a
            sweeper, or an `Outcome`.
        check: raises InputError for what types and ranges cannot show, e.g. missing data. Called
            with the options and whether they belong to a sweep, for all runs before the first.
        preload: a module that a run needs, which runs in parallel import once.
    """

    program: str
    about: str
    schema: type[Options]
    task: Callable[[Options], object]
    check: Callable[[Options, bool], None] = lambda options, in_sweep: None
    preload: str = "amlm"

    @property
    def root(self) -> str:
        return root_of(self.schema, self.program)

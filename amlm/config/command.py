"""What a command is: its options, what it does with them, what can be checked beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from amlm.config.schema import Config

Options = TypeVar("Options")

RUN_CONFIG = "config"  # name of the YAML that a run's configuration starts from


def root_of(schema: type[Any], program: str = "options") -> str:
    """The name of the configuration that Hydra starts from."""
    return RUN_CONFIG if schema is Config else program.replace(".", " ").split()[-1]


def _nothing(options: Any, in_sweep: bool) -> None:
    pass


@dataclass(frozen=True)
class Command(Generic[Options]):
    """A command of the package; `amlm.config.command_line.run` runs it.

    Attributes:
        program: how it is called, e.g. ``amlm.data download``.
        about: what it does, for ``--help``.
        schema: a dataclass whose fields are made with `amlm.config.options.option`; one with the
            default `NEEDED` has to be given.
        task: gets the options, once per run of a sweep. What it returns, if it is a number, is
            what a sweeper optimises.
        check: raises InputError for what is wrong beside types and ranges, e.g. missing data;
            called for every run of a sweep before the first one starts.
    """

    program: str
    about: str
    schema: type[Options]
    task: Callable[[Options], object]
    check: Callable[[Options, bool], None] = _nothing

    @property
    def root(self) -> str:
        return root_of(self.schema, self.program)

"""The command line of every command: checks all options, then starts.

All commands take Hydra's overrides and flags. Whatever is wrong with the options of a run, or of
any run of a sweep, is reported before the first one starts, and an unknown option is answered with
the nearest valid one. Nothing heavy is imported for a plain ``--help``, which must be fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from operator import getitem
from typing import Any, NoReturn

from amlm.config.command import Command, Options
from amlm.config.groups import groups_of
from amlm.config.help_text import help_text
from amlm.config.options import options
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.terminal import report_errors, say, survive_encoding


def _accept_deferred_help() -> None:
    """Lets Hydra 1.3 add an option whose help is made when it is shown: Python 3.14 reads the help
    of each option as it is added, and refuses one that is no text."""
    if hasattr(argparse.ArgumentParser, "_check_help"):
        argparse.ArgumentParser._check_help = lambda *_: None


def _parse_flags(arguments: Sequence[str]) -> argparse.Namespace:
    from hydra._internal.utils import get_args_parser

    def refuse(message: str) -> NoReturn:
        hint = " (options are written option=value, without dashes)"
        raise InputError(message + hint * message.startswith("unrecognized"))

    parser = get_args_parser()
    parser.error = refuse
    flags = parser.parse_intermixed_args(list(arguments))
    if flags.config_path:
        raise InputError("--config-path is not supported: use --config-dir to add your own folder")
    assert isinstance(flags, argparse.Namespace)
    return flags


def check_command(
    command: Command[Any],
    arguments: Sequence[str],
    *,
    multirun: bool = False,
    config_dir: str | None = None,
    config_name: str | None = None,
    only_compose: bool = False,
) -> list[str]:
    """Composes and checks every run that a command would start.

    Args:
        command: the command.
        arguments: overrides as typed by a user.
        multirun: whether it is a sweep.
        config_dir, config_name: see `amlm.config.composition.composer`.
        only_compose: do not check values, since the configuration is only shown.

    Returns: the overrides to start it with, among them the grid and folder of a named sweep.

    Raises:
        InputError: an unknown option or choice, a wrong type, a value out of range, missing data.
    """
    from hydra.types import RunMode

    from amlm.config.composition import composer
    from amlm.config.overrides import to_overrides
    from amlm.config.parallel_launchers import check_launcher
    from amlm.config.sweeps import check_sweep, place_sweep, runs, with_grid

    overrides = to_overrides(arguments, command.schema)
    with composer(command.schema, command.root, config_dir, config_name) as made:
        if named := made.groups.get("sweep"):
            swept = any(each.is_sweep_override() for each in made.parse(overrides))
            overrides = place_sweep(overrides, named, multirun and swept)
        parsed = made.parse(overrides)
        first = next(runs(parsed))
        composed = made.compose(first)
        hydra = composed.hydra
        multirun = multirun or hydra.mode == RunMode.MULTIRUN
        if multirun and not only_compose:  # a YAML file may define the sweep
            overrides = with_grid(overrides, hydra.sweeper.get("params") or {})
            parsed = made.parse(overrides)
        check_sweep(parsed, multirun, hydra.runtime.choices["hydra/sweeper"])
        check_launcher(hydra.launcher)
        if only_compose:
            return overrides
        for run_overrides in runs(parsed):
            cfg = composed if run_overrides == first else made.compose(run_overrides)
            command.check(made.build(cfg, run_overrides), multirun)
        return overrides


def _help(command: Command[Any], flags: argparse.Namespace, overrides: Sequence[str]) -> str:
    """The help text with the values that overrides give and the options of chosen components."""
    from omegaconf import OmegaConf

    from amlm.config.components import describe_components
    from amlm.config.composition import composer
    from amlm.config.sweeps import runs

    with composer(command.schema, command.root, flags.config_dir, flags.config_name) as made:
        cfg = made.compose(next(runs(made.parse(overrides))))  # of a sweep the first run
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
        values = {
            name: reduce(getitem, name.split("."), plain) for name, *_ in options(command.schema())
        }
        parts = describe_components(cfg) if command.schema is Config else {}
        return help_text(command, made.groups, values, parts)


def run(command: Command[Options], arguments: Sequence[str]) -> None:
    """Runs a command with the arguments of its command line, or prints its help.

    Errors that a user can fix end the program with status 2 and one line on standard error.
    """
    survive_encoding()
    if arguments and {*arguments} <= {"-h", "--help"}:
        say(help_text(command, groups_of(command.root)))
        return
    with report_errors():
        _run(command, arguments)


def _run(command: Command[Options], arguments: Sequence[str]) -> None:
    import hydra

    from amlm.config.composition import VERSION_BASE, config_path, register
    from amlm.config.launchers import Sweep
    from amlm.config.overrides import to_overrides

    _accept_deferred_help()
    flags = _parse_flags(arguments)
    overrides = to_overrides(flags.overrides, command.schema)
    if flags.help:
        say(_help(command, flags, overrides))
        return
    if not (flags.info or flags.hydra_help or flags.shell_completion):
        overrides = check_command(
            command,
            flags.overrides,
            multirun=bool(flags.multirun),
            config_dir=flags.config_dir,
            config_name=flags.config_name,
            only_compose=bool(flags.cfg),
        )

    register(command.schema, command.root)
    sweep = Sweep(command)
    main = hydra.main(
        version_base=VERSION_BASE, config_path=config_path(command.root), config_name=command.root
    )
    # Hydra, and the processes that Lightning starts, read sys.argv.
    # Its parser takes no flag between overrides.
    before = sys.argv
    sys.argv = [before[0], *overrides, *(each for each in arguments if each not in flags.overrides)]
    try:
        main(sweep)()
    finally:
        sys.argv = before
        if sweep.runs:
            say(sweep.summary())
    if any(run.failed for run in sweep.runs):
        sys.exit(1)

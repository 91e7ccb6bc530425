"""Options of the small commands, ``name=value`` each, by one dataclass per command.

`amlm.train` has Hydra's groups and sweeps. The other commands (`amlm.data`, `amlm.export` ...) have
a handful of options, and take them in the same form, with the same checks and the same hints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from amlm.config.options import check_ranges, option_lines, options
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError
from amlm.util.nearest import nearest
from amlm.util.terminal import fail

Options = TypeVar("Options")

NEEDED = MISSING  # the default of an option that has none


def parse(cls: type[Options], arguments: Sequence[str]) -> Options:
    """Options from ``name=value`` arguments; values are YAML, e.g. ``tasks=[blimp,ewok]``.

    Args:
        cls: a dataclass whose fields are made with `amlm.config.option`; one with the default
            `NEEDED` has to be given.
        arguments: of the command line.

    Raises:
        InputError: an argument of another form, an unknown or missing option, a wrong type or
            range.
    """
    known = [name for name, _, _ in options(cls())]
    for argument in arguments:
        if "=" not in argument:
            hint = nearest(argument, known)
            raise InputError(f"{argument!r} is not of the form option=value{hint}")
    try:
        given = OmegaConf.from_dotlist(list(arguments))
        made = OmegaConf.merge(OmegaConf.structured(cls), given)
    except ConfigKeyError as error:
        raise InputError(
            f"unknown option {error.full_key}{nearest(str(error.full_key), known)}"
        ) from error
    except OmegaConfBaseException as error:
        key, text = error.full_key, str(error).splitlines()[0]
        if isinstance(getattr(cls(), str(key), None), list):
            text = f"is a list: {key}=[{OmegaConf.select(given, str(key))}]"
        raise InputError(f"{key}: {text}") from error
    except Exception as error:  # a value that is no YAML; the parser's classes are not OmegaConf's
        raise InputError(f"{' '.join(arguments)}: {error}") from error
    for name, each, _ in options(cls()):
        if OmegaConf.is_missing(made, name):
            raise InputError(f"{name}=... is needed: {each.metadata['help']}")
    result = OmegaConf.to_object(made)
    assert isinstance(result, cls)
    check_ranges(result)
    return result


def help_text(program: str, about: str, cls: type[Options]) -> str:
    """Usage and every option with its default, range and meaning."""
    return "\n".join([f"python -m {program} option=value ...", "", about, "", *option_lines(cls())])


def run(
    program: str,
    about: str,
    cls: type[Options],
    task: Callable[[Options], object],
    arguments: Sequence[str],
) -> None:
    """Runs ``task`` with the options of a command line, or answers ``--help``.

    What a user can put right is said in one line on standard error, with exit status 2.
    """
    if {"-h", "--help"} & set(arguments):
        print(help_text(program, about, cls))  # noqa: T201
        return
    try:
        task(parse(cls, arguments))
    except InputError as error:
        fail(error)
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)

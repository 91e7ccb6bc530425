"""Output to the terminal."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import NoReturn

from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError


def say(text: str) -> None:
    """Prints a line and flushes it, so that it appears immediately in a pipe too.

    A pipe that nobody reads any more, as of `| head`, must not end a run.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def duration(seconds: float) -> str:
    """A time in words: ``40 s``, ``12 min``, ``3 h 40 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def survive_encoding() -> None:
    """Writes what the terminal's encoding lacks with escapes: text must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # tests and notebooks have others
            stream.reconfigure(errors="backslashreplace")


def quiet_lightning() -> None:
    """Silences Lightning's banners and its advice on choices that we make deliberately."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")


def say_error(error: object) -> None:
    print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201


def fail(error: Exception) -> NoReturn:
    """Prints the error to standard error and exits with status 2."""
    say_error(error)
    sys.exit(2)


@contextmanager
def report_errors(in_sweep: bool = False) -> Iterator[None]:
    """Reports an error that a user can fix in one line and exits; exits silently on Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    except InputError as error:
        if not in_sweep:
            fail(error)
        say_error(error)
        raise  # Hydra runs the rest of the sweep and fails at its end
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        fail(error)

"""Output to the terminal."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from io import TextIOWrapper
from typing import NoReturn


def say(text: str) -> None:
    """Prints a line and flushes it, so that it appears immediately in a pipe too.

    A pipe that nobody reads any more, as of `| head`, must not end a run.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def fail(error: Exception) -> NoReturn:
    """Prints the error to standard error and exits with status 2."""
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

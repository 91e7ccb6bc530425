"""Output to the terminal."""

from __future__ import annotations

import logging
import sys
import warnings
from io import TextIOWrapper
from typing import NoReturn


def say(text: str) -> None:
    """Prints a line and flushes it, so that it appears immediately in a pipe too."""
    print(text, flush=True)  # noqa: T201


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

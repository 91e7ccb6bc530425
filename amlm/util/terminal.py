"""Output to the terminal."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import NoReturn


def say(text: str) -> None:
    """Prints a line and flushes it, so that it appears immediately in a pipe too."""
    print(text, flush=True)  # noqa: T201


def quiet_lightning() -> None:
    """Silences Lightning's banners and its advice on choices that we make deliberately."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")


def fail(error: Exception) -> NoReturn:
    """Prints the error to standard error and exits with status 2."""
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

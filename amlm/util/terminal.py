"""What the person at the terminal is told, and what not."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import NoReturn


def say(text: str) -> None:
    """Prints at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


def quiet_lightning() -> None:
    """Silences Lightning's banners and advice: they speak about choices that are made here."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")


def fail(error: Exception) -> NoReturn:
    """Says what is wrong on standard error and ends with exit status 2."""
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

"""What the person at the terminal is told, and what not."""

from __future__ import annotations

import logging
import warnings


def say(text: str) -> None:
    """Prints at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


def quiet_lightning() -> None:
    """Silences Lightning's banners and advice: they speak about choices that are made here."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")

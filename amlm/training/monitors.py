"""What callbacks monitor: a misspelt name is found before a run, a missing metric explained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L

from amlm.training.callbacks.metrics import MONITORED
from amlm.training.run_description import note_unlogged
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

COUNTERS = ("step", "epoch")  # which ModelCheckpoint knows without a record


def check_monitors(callbacks: Mapping[str, Any]) -> None:
    """Raises InputError if a callback of ``config.callbacks`` monitors what no run logs."""
    if any(not str(node["_target_"]).startswith("lightning.") for node in callbacks.values()):
        return  # a user's callback may log what only it knows
    for name, node in callbacks.items():
        monitor = node.get("monitor")
        known = MONITORED
        if str(node["_target_"]).endswith(".ModelCheckpoint"):
            known += COUNTERS
        if monitor is not None and monitor not in known:
            raise InputError(
                f"callbacks.{name}.monitor={monitor} is not logged{nearest(monitor, known)}"
                f": one of {', '.join(known)}"
            )


@contextmanager
def explained(callbacks: Mapping[str, Any], trainer: L.Trainer, folder: Path) -> Iterator[None]:
    """Trains; if a callback fails since nothing has logged what it monitors, ``run.json`` says so,
    and the run may resume with another monitor.

    Raises:
        InputError: a callback failed so.
    """
    try:
        yield
    except Exception as error:  # of Lightning's callbacks each has its own, users' too
        logged = trainer.callback_metrics
        for name, node in callbacks.items():
            monitor = str(node.get("monitor"))
            quoted = re.search(f"[`'\"]{re.escape(monitor)}[`'\"]", str(error))
            if monitor not in logged and quoted:
                option = f"callbacks.{name}.monitor"
                if trainer.is_global_zero:
                    note_unlogged(folder, option)
                raise InputError(
                    f"{option}={monitor}: nothing has logged it by step {trainer.global_step:,}, "
                    f"only {', '.join(sorted(logged))}. Name another "
                    "metric, or have this one logged earlier (trainer.log_every for train/...); "
                    f"the same command with that and run_dir={folder} resumes the run"
                ) from error
        raise

"""What a run leaves when a loss, a gradient or the masking table is NaN or infinite.

A step is a function of the checkpoint and its number, so the folder ``diverged/`` holds little: the
last checkpoint, the configuration, and in ``diverged.json`` what was not finite, and when.
``debug=replay`` repeats the steps from there (`amlm.training.replay`).
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from amlm.training.checkpoint_files import has_checkpoint, newest
from amlm.training.run_description import CONFIG_FILE, DIVERGED
from amlm.util.errors import InputError
from amlm.util.files import write_json

REPORT = "diverged.json"
CHECKPOINT = "last.ckpt"  # the last good one


@dataclass(frozen=True)
class Divergence:
    """``what`` was not finite first after step ``step`` (steps completed)."""

    step: int
    what: str  # loss or gradient, masking table, model

    def __str__(self) -> str:
        return f"the {self.what} was not finite in step {self.step:,}"


def dump(run: Path, found: Divergence) -> None:
    """Writes ``diverged/`` of a run folder."""
    folder = run / DIVERGED
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copyfile(run / CONFIG_FILE, folder / CONFIG_FILE)
    if has_checkpoint(run):
        checkpoint, _ = newest(run)
        try:
            os.link(checkpoint, folder / CHECKPOINT)  # written aside, never in place
        except OSError:  # a file system without links
            shutil.copyfile(checkpoint, folder / CHECKPOINT)
    write_json(folder / REPORT, found)


def advice(run: Path, found: Divergence) -> str:
    """The error message of a run that has diverged."""
    return (
        f"the run has diverged: {found}. To resume from the last checkpoint with a smaller "
        f"learning rate: the same command with run_dir={run} and optimizer.lr=...; to see where "
        f"it began: debug=replay run_dir={run}"
    )


def find_dump(run: Path) -> tuple[Path, Divergence]:
    """The newest dump of a run folder.

    Raises:
        InputError: it has none.
    """
    # Resuming the run sets the dump aside under the number of its step.
    found = sorted(run.glob(f"{DIVERGED}*/{REPORT}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(
            f"run_dir={run} holds no run that has diverged (no {DIVERGED}/{REPORT}): debug=replay "
            "needs the folder of one"
        )
    return found[-1].parent, Divergence(**json.loads(found[-1].read_text(encoding="utf-8")))

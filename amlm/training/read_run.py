"""Reads a run folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amlm.publish.run_models import RunRecord
from amlm.training.record import read_log
from amlm.training.run_description import CONFIG_FILE, RUN_FILE, read_config, read_description
from amlm.util.errors import InputError


def read_run(folder: Path) -> RunRecord:
    """Reads the configuration, description and record of a run.

    Raises:
        InputError: the folder was not written by `amlm.train`, or a file is damaged.
    """
    records = read_log(folder)
    for name in (CONFIG_FILE, RUN_FILE):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not a run folder: it has no {name}")
    config, run = read_config(folder), read_description(folder)
    start = str(run["started"]).encode()
    identity = hashlib.sha256(start + b"\0" + (folder / CONFIG_FILE).read_bytes()).hexdigest()[:16]
    return RunRecord(folder, config, run, records, identity)

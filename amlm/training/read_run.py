"""Reads a run folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from omegaconf import OmegaConf

from amlm.publish.run_models import RunRecord
from amlm.training.record import read_log
from amlm.training.run_folder import CONFIG_FILE, RUN_FILE
from amlm.util.errors import InputError


def read_run(folder: Path) -> RunRecord:
    """Reads the configuration, description and record of a run.

    Raises:
        InputError: the folder was not written by `amlm.train`.
    """
    records = read_log(folder)
    for name in (CONFIG_FILE, RUN_FILE):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not a run folder: it has no {name}")
    config = OmegaConf.to_container(OmegaConf.load(folder / CONFIG_FILE))
    assert isinstance(config, dict)
    run = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    start = str(run["started"]).encode()
    identity = hashlib.sha256(start + b"\0" + (folder / CONFIG_FILE).read_bytes()).hexdigest()[:16]
    named = {str(key): value for key, value in config.items()}
    return RunRecord(folder, named, run, records, identity)

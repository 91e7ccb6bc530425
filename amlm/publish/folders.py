"""Writes the models of a run, with model cards, as folders that plain `transformers` can load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from amlm.publish.card import CARD_FILE
from amlm.publish.run_models import MODEL_FILES, RunModel, RunRecord
from amlm.util.errors import InputError

EXPORT_FILE = "export.json"  # identifies the run that an output folder belongs to


def claim_output(out: Path, run: RunRecord) -> None:
    """Creates the output folder and marks it as belonging to a run.

    Raises:
        InputError: it contains anything but an earlier export of the same run.
    """
    mark, identity = out / EXPORT_FILE, run.identity
    if mark.is_file():
        if json.loads(mark.read_text(encoding="utf-8")).get("run") == identity:
            return
        raise InputError(f"out={out} has the export of another run: choose another folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out={out} is not empty and not an export: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"run": identity}) + "\n", encoding="utf-8")


def write_models(out: Path, models: Sequence[RunModel], cards: Mapping[str, str]) -> list[Path]:
    """Writes ``<out>/<name>`` for every model; no folder is ever incomplete.

    Returns: the folders, in the order of the models.
    """
    folders = []
    for model in models:
        temporary, folder = out / f".{model.name}.aside", out / model.name
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name in MODEL_FILES:
            shutil.copyfile(model.folder / name, temporary / name)
        (temporary / CARD_FILE).write_text(cards[model.name], encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
        folders.append(folder)
    return folders

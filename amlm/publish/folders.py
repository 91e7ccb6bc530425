"""Writes the models of a run, with model cards, as folders that plain `transformers` can load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from amlm.publish.card import CARD_FILE
from amlm.publish.run_models import MODEL_FILES, RunModel, RunRecord
from amlm.util.errors import InputError
from amlm.util.files import aside, write_aside

EXPORT_FILE = "export.json"  # identifies the run that a folder, or a branch on the Hub, belongs to


def mark_of(run: RunRecord) -> str:
    """The content of `EXPORT_FILE`."""
    return json.dumps({"run": run.identity}) + "\n"


def claim_output(out: Path, run: RunRecord) -> None:
    """Creates the output folder and marks it as belonging to a run.

    Raises:
        InputError: it contains anything but an earlier export of the same run.
    """
    mark = out / EXPORT_FILE
    if mark.is_file():
        if mark.read_text(encoding="utf-8") == mark_of(run):
            return
        raise InputError(f"out={out} has the export of another run: choose another folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out={out} is not empty and not an export: choose another folder")
    write_aside(mark, mark_of(run))


def write_models(
    out: Path, models: Sequence[RunModel], cards: Mapping[str, str], run: RunRecord
) -> list[Path]:
    """Writes ``<out>/<name>`` for every model of a run; no folder is ever incomplete.

    Returns: the folders, in the order of the models.
    """
    folders = []
    for model in models:
        with aside(out / model.name) as temporary:
            temporary.mkdir()
            for name in MODEL_FILES:
                shutil.copyfile(model.folder / name, temporary / name)
            (temporary / CARD_FILE).write_text(cards[model.name], encoding="utf-8")
            (temporary / EXPORT_FILE).write_text(mark_of(run), encoding="utf-8")
        folders.append(out / model.name)
    return folders

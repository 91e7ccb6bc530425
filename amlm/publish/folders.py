"""Writes the models of a run as folders that plain `transformers` loads, a card in each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from amlm.publish.card import CARD_FILE
from amlm.publish.run_models import MODEL_FILES, RunModel, RunRecord
from amlm.util.errors import InputError

EXPORT_FILE = "export.json"  # says which run an output folder belongs to


def claim_output(out: Path, run: RunRecord) -> None:
    """Makes the output folder a run's own.

    Raises:
        InputError: it holds something that is not a former export of the same run.
    """
    mark, identity = out / EXPORT_FILE, run.identity
    if mark.is_file():
        if json.loads(mark.read_text(encoding="utf-8")).get("run") == identity:
            return
        raise InputError(f"out={out} holds the export of another run: choose another folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out={out} is not empty and holds no export: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"run": identity}) + "\n", encoding="utf-8")


def write_models(out: Path, models: Sequence[RunModel], cards: Mapping[str, str]) -> list[Path]:
    """Writes ``<out>/<name>`` for every model; each appears whole or not at all.

    Args:
        out: a folder of `claim_output`.
        models: checked with `amlm.publish.run_models.check_model`.
        cards: the model card by name.

    Returns: the folders, in the order of the models.
    """
    written = []
    for model in models:
        aside, folder = out / f".{model.name}.aside", out / model.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name in MODEL_FILES:
            shutil.copyfile(model.folder / name, aside / name)
        (aside / CARD_FILE).write_text(cards[model.name], encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        written.append(folder)
    return written

"""Model cards in the folders of a run's models, and its datasheet."""

from __future__ import annotations

from pathlib import Path

from amlm.publish.card import CARD_FILE, model_card
from amlm.publish.run_models import run_models
from amlm.training.datasheet import write_datasheet
from amlm.training.read_run import read_run
from amlm.util.files import write_aside


def write_cards(folder: Path) -> None:
    """Writes a card for each model so far, and the datasheet of a run in a track.

    `amlm.export` adds evaluation scores to the cards."""
    write_datasheet(folder)
    run = read_run(folder)
    models = run_models(run)
    for model in models:
        if model.folder.is_dir():
            address = str(model.folder.relative_to(folder.parent))
            card = model_card(model, models, run, (), address=address)
            write_aside(model.folder / CARD_FILE, card)

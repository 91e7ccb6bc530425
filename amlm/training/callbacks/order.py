"""The order in which callbacks act, at every hook."""

from __future__ import annotations

from collections.abc import Iterable

import lightning as L

from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.callbacks.evaluation import Evaluation
from amlm.training.callbacks.live_view import LiveView
from amlm.training.callbacks.mask_drift import MaskDrift
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.callbacks.metrics import Metrics
from amlm.training.callbacks.profile import Profile
from amlm.training.callbacks.progress import ProgressLines
from amlm.training.callbacks.stop import Stop
from amlm.training.callbacks.watch import Watch
from amlm.training.callbacks.word_checkpoints import WordCheckpoints

OTHERS = L.Callback  # Lightning's and users', in the given order

ORDER: tuple[type[L.Callback], ...] = (
    Checkpoints,  # saves a step when the next one starts, before others log for that
    Stop,  # ends the run there, saved
    MaskUpdate,  # notifies MaskDrift, whose record is the first of a step
    MaskDrift,
    Metrics,  # sets the step of all records
    Watch,  # stops a diverged run, before the model is saved
    WordCheckpoints,
    Evaluation,  # scores at the steps of word checkpoints
    Profile,
    LiveView,
    ProgressLines,
    OTHERS,  # can read the records and metrics of the step
)


def _place(callback: L.Callback) -> int:
    return ORDER.index(type(callback) if type(callback) in ORDER else OTHERS)


def in_order(callbacks: Iterable[L.Callback]) -> list[L.Callback]:
    """Sorts callbacks by `ORDER`."""
    return sorted(callbacks, key=_place)


def check_order(trainer: L.Trainer) -> None:
    """Asserts that Lightning, which moves some callbacks, has kept the order."""
    callbacks: list[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    places = [_place(each) for each in callbacks]
    assert places == sorted(places), [type(each).__name__ for each in callbacks]

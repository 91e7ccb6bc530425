"""The objective that a run returns to a sweeper: equal to its record, and refused before the run if
no record will have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from amlm.config.schema import Config
from amlm.train import train_to_objective
from amlm.training.objective import GROUPED, NUMBERS, SCORES, check_objective, objective
from amlm.training.record import read_log, scalars
from amlm.util.errors import InputError, RunFinished

STEPS = ("trainer.max_steps=6", "trainer.validate_every=3", "masking.update_every=2")


def test_a_run_returns_its_objective(tiny: Callable[..., Config], tmp_path: Path) -> None:
    scored = ("evaluation.tasks=[sample]", "evaluation.items=2")
    config = tiny(*STEPS, *scored, f"run_dir={tmp_path / 'run'}", "objective=validation.accuracy")
    outcome = train_to_objective(config)
    assert outcome.word == "finished"
    records = read_log(tmp_path / "run")
    validations = [record for record in records if record["kind"] == "validation"]
    assert len(validations) > 1 and outcome.objective == validations[-1]["accuracy"]
    assert objective(tmp_path / "run", "validation/loss") == validations[-1]["loss"]
    with pytest.raises(InputError, match=r"not in the record of .*did you mean summary/steps"):
        objective(tmp_path / "run", "summary/stepz")

    # The accepted names are those of the record.
    recorded = {name for record in records for name in scalars(record)}
    known = {f"{kind}/{name}" for kind, names in NUMBERS.items() for name in names}
    known |= {f"{place}/sample/{n}" for place in ("evaluation", "summary/scores") for n in SCORES}
    assert known == {name for name in recorded if not name.startswith(GROUPED)}

    # A finished run is an error; in a sweep it is skipped and returns its objective.
    with pytest.raises(RunFinished):
        train_to_objective(config)
    config.sweep = "grid"
    assert train_to_objective(config) == replace(outcome, word="skipped")


def test_an_objective_that_no_record_has_is_refused(tiny: Callable[..., Config]) -> None:
    for name in ("validation/loss", "train.lr", "mask_update/by_kind/word", "summary/seconds"):
        check_objective(tiny(f"objective={name}"))
    for name in ("validation/los", "loss", "evaluation/blimp/score", "evaluation/sample"):
        with pytest.raises(InputError, match=rf"objective={name} is not in the record"):
            check_objective(tiny(f"objective={name}"))
    scored = tiny("objective=evaluation/sample/score", "evaluation.tasks=[sample]")
    check_objective(scored)
    logs = tiny(
        "objective=validation/mine",
        "callbacks.mine._target_=lightning.pytorch.callbacks.LearningRateMonitor",
    )
    check_objective(logs)

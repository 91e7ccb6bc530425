"""A training that is killed at chosen instants, one after the other, and once has no space to
write: at the end it equals a training that nothing happened to. Two planted bugs must show.

`python -m tests.faults` (``make faults``) does the same at random instants.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from amlm.training.checkpoint_files import newest
from tests.faults.trainings import Faults, Instant, Trainings, differing, made_up_text

ASIDE = ".aside"


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    return Trainings(tmp_path_factory.mktemp("faults") / "all", made_up_text)


@pytest.fixture(scope="module")
def whole(trainings: Trainings) -> Path:
    """A run that nothing happens to."""
    run = trainings.folder / "whole"
    assert trainings.train(run) == 0
    return run


KILLS = (
    Instant("os.rename", f".config.yaml{ASIDE}"),  # claimed, not described
    Instant("os.rename", "checkpoints/step_5-"),  # saved, not named
    Instant("open", f".last{ASIDE}", 2),  # step 10 named, the pointer still at 5
    Instant("os.truncate", "log.jsonl"),  # resuming, with the tables cut back and the log not
    Instant("os.remove", "checkpoints/step_5-"),  # the pointer at 15, 5 not yet removed
    Instant("open", "log.jsonl", 9),  # between a table and its line, or two lines
    Instant("os.rename", f".hf{ASIDE}"),  # trained, not exported
    Instant("os.rename", f".run.json{ASIDE}", 3),  # exported, not marked as finished
)
FULL_AFTER, LOG_LOST_AFTER, FLIPPED_AFTER = 5, 6, 7  # of these kills


def test_a_run_killed_at_chosen_instants_and_out_of_disk_ends_with_the_same_bits(
    trainings: Trainings, whole: Path
) -> None:
    run = trainings.folder / "killed"
    for number, instant in enumerate(KILLS, start=1):
        assert trainings.train(run, Faults(kill_at=instant)) == -signal.SIGKILL, instant
        if number == FULL_AFTER:
            _run_on_a_full_disk(trainings, run)
        elif number == LOG_LOST_AFTER:
            _run_without_a_log(trainings, run)
        elif number == FLIPPED_AFTER:
            newest(run)[0].write_bytes(newest(run)[0].read_bytes()[:-1] + b"?")
            (run / "run.json").unlink()  # is written again
            trainings.output.write_text("")
    said = trainings.output.read_text()
    assert "is damaged: its SHA-256 is not the one in its name; falling back to the checkp" in said
    assert "resumes from step 20" in said
    assert not json.loads((run / "run.json").read_text())["finished"]
    assert trainings.train(run) == 0
    assert differing(run, whole) == []


def _run_on_a_full_disk(trainings: Trainings, run: Path) -> None:
    before = {path.name for path in (run / "checkpoints").glob("step_*")}
    trainings.output.write_text("")
    assert trainings.train(run, Faults(file_limit=60_000)) == 2
    said = trainings.output.read_text()
    assert f"error: the run folder {run} can't be written to: File too large. Free up space" in said
    assert f"then give the same command with run_dir={run}: it resumes from the last" in said
    assert "Traceback" not in said
    assert before and before <= {path.name for path in (run / "checkpoints").iterdir()}
    assert not [*run.rglob(f"*{ASIDE}")]


def _run_without_a_log(trainings: Trainings, run: Path) -> None:
    log = (run / "log.jsonl").read_bytes()
    (run / "log.jsonl").write_bytes(b"")
    trainings.output.write_text("")
    assert trainings.train(run) == 2
    said = trainings.output.read_text()
    assert f"error: no checkpoint in {run / 'checkpoints'} can be resumed from (step_" in said
    assert "log.jsonl has 0 bytes, " in said and "restore the files from a copy, or choose" in said
    assert (run / "log.jsonl").read_bytes() == b""
    (run / "log.jsonl").write_bytes(log)


@pytest.mark.parametrize("bug", ["statistics", "generator"])
def test_a_planted_bug_is_found(bug: str, trainings: Trainings, whole: Path) -> None:
    run = trainings.folder / bug
    killed = Faults(Instant("os.rename", "checkpoints/step_15-"), plant=bug)
    assert trainings.train(run, killed) == -signal.SIGKILL
    assert trainings.train(run, Faults(plant=bug)) == 0
    if bug == "generator":  # it changes every run; lost statistics need a kill to matter
        whole = trainings.folder / f"{bug}-whole"
        assert trainings.train(whole, Faults(plant=bug)) == 0
    assert {"checkpoint state_dict", "log", "tables.f32"} <= {*differing(run, whole)}

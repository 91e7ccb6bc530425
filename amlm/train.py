"""Pretrains a model: ``python -m amlm.train experiment=hard_decay``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from amlm.config.command import Command, Outcome
from amlm.config.command_line import run
from amlm.config.schema import Config
from amlm.training.check_run import check_run
from amlm.util.errors import RunFinished
from amlm.util.quick_imports import import_torchmetrics, quick_imports
from amlm.util.terminal import say

if TYPE_CHECKING:
    from amlm.training.run import Result


def train(config: Config) -> Result:
    """Runs one pretraining, from text to exported model; or submits it (``impl=slurm``), and then
    returns without a summary.

    Args:
        config: accepted by `amlm.config.checks.check`.

    Raises:
        InputError: data are missing, the run folder cannot be used, or the run has diverged.
    """
    with quick_imports():
        import_torchmetrics()
        from amlm.training.replay import replay
        from amlm.training.run import Result
        from amlm.training.run import run as run_training
        from amlm.training.run_folder import recorded_content
        from amlm.training.slurm import inside_job, submit

    if config.trainer.replay:
        folder = Path(str(config.run_dir)).expanduser()
        replay(folder, say)
        return Result(folder, {})
    if config.slurm.submit == "none" or inside_job():
        return run_training(config)
    recorded_content(config)  # a run that has finished needs no job
    folder, job = submit(config)
    say(f"job      {job.job_id}, its output in {folder / 'slurm'}")
    say(f"folder   {folder}")
    return Result(folder, {})


def train_to_objective(config: Config) -> Outcome:
    """Trains, unless this run of a sweep has finished; the outcome has its objective, on the first
    rank."""
    from amlm.training.objective import objective

    word = "finished"
    try:
        result = train(config)
    except RunFinished:
        if config.sweep is None or config.run_dir is None:
            raise
        word, folder = "skipped", Path(config.run_dir).expanduser()
    else:
        if not result.summary:
            return Outcome("submitted" if config.slurm.submit != "none" else word)
        folder = result.folder
    return Outcome(word, objective(folder, config.objective))


COMMAND = Command(
    "amlm.train",
    "Pretrains a masked language model: text, tokenizer, training, exported model.",
    Config,
    train_to_objective,
    check_run,
    preload="amlm.training.run",
)


def main() -> None:
    run(COMMAND, sys.argv[1:])


if __name__ == "__main__":
    main()

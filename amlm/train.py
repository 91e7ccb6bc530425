"""Pretrains a model: ``python -m amlm.train experiment=hard_decay``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlm.config import command_line
from amlm.config.schema import Config
from amlm.training.checks import check_run

if TYPE_CHECKING:
    from amlm.training.run import Result


def train(config: Config) -> Result:
    """Runs one pretraining from text to exported model.

    Args:
        config: as `amlm.config.checks.check` accepts it.

    Returns: the run folder and the numbers of its summary.

    Raises:
        InputError: something a user can put right: data, run folder, divergence.
    """
    from amlm.training.run import run

    return run(config)


def main() -> None:
    command_line.run("amlm.train", train, check_run)


if __name__ == "__main__":
    main()

"""Pretrains a model: ``python -m amlm.train experiment=hard_decay``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlm import cli
from amlm.config import Config

if TYPE_CHECKING:
    from amlm.training import Result


def train(config: Config) -> Result:
    """Runs one pretraining from text to exported model.

    Args:
        config: as `amlm.config.check` accepts it.

    Returns: the run folder and the numbers of its summary.

    Raises:
        InputError: something a user can put right: data, run folder, divergence.
    """
    from amlm import training

    return training.run(config)


def main() -> None:
    cli.run("amlm.train", train)


if __name__ == "__main__":
    main()

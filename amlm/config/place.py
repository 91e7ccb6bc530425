"""Gives a composed run its name and, in a sweep, its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from amlm.config.run_name import departures, run_name, sweep_key
from amlm.config.schema import Config, as_dict


def _choices(hydra: DictConfig) -> dict[str, Any]:
    """The choice of every config group but Hydra's own."""
    choices = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(choices, dict)
    return {str(k): v for k, v in choices.items() if not str(k).startswith("hydra/")}


def compose_run(overrides: Sequence[str]) -> tuple[DictConfig, DictConfig]:
    """The configuration that overrides make, and Hydra's own part. Hydra must be initialised."""
    from hydra import compose

    composed = compose("config", list(overrides), return_hydra_config=True)
    hydra = composed.hydra
    with open_dict(composed):
        del composed["hydra"]
    return composed, hydra


def _made_of(choices: dict[str, Any]) -> dict[str, Any]:
    """The options of a run that makes these choices and overrides nothing else."""
    known = _choices(compose_run(())[1])
    made = [
        f"{'' if group in known else '+'}{group}={choice}"
        for group, choice in choices.items()
        if choice is not None
    ]
    dropped = [f"~{group}" for group, choice in known.items() if choice and group not in choices]
    options = OmegaConf.to_container(compose_run([*made, *dropped])[0])
    assert isinstance(options, dict)
    return {str(key): value for key, value in options.items()}


def choices_name(config: Config, hydra: DictConfig) -> str:
    """The name that a run's choices and departing options make.

    Args:
        config: the run's configuration.
        hydra: Hydra's own part of the composed configuration. Hydra must be initialised.
    """
    choices = _choices(hydra)
    experiment = choices.get("experiment")
    _, usual = compose_run([f"experiment={experiment}"] if experiment else ["~experiment"])
    changed = departures(as_dict(config), _made_of(choices))
    return run_name(experiment, choices, _choices(usual), changed)


def place(config: Config, hydra: DictConfig, multirun: bool = False) -> Config:
    """Sets what a run is called, and in a sweep where it lies; returns the configuration.

    A name that the user gave is kept; ``config.choices`` says what the run is all the same.
    """
    config.choices = choices_name(config, hydra)
    config.name = config.name or config.choices
    if multirun:
        config.sweep = config.sweep or Path(hydra.sweep.dir).name
        if config.run_dir is not None:
            experiment = _choices(hydra).get("experiment")
            key = sweep_key(hydra.overrides.task, experiment, config.seed)
            config.run_dir = str(Path(config.run_dir) / key)
    return config

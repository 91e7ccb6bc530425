"""Sets the name of a composed run and, in a sweep, its folder. Hydra must be initialised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from amlm.config.command import RUN_CONFIG
from amlm.config.groups import resolve_alias
from amlm.config.run_name import departures, run_name, sweep_key
from amlm.config.schema import Config, as_dict


def _compose(*overrides: str) -> DictConfig:
    cfg: DictConfig = compose(RUN_CONFIG, list(overrides), return_hydra_config=True)
    return cfg


def _choices(hydra: DictConfig) -> dict[str, Any]:
    """The choice of every config group but Hydra's own, aliases resolved."""
    sources = hydra.runtime.config_sources
    folders = [Path(each.path) for each in sources if each.schema == "file"]
    return {
        str(group): choice and resolve_alias(str(group), choice, folders)
        for group, choice in hydra.runtime.choices.items()
        if not str(group).startswith("hydra/")
    }


def _options_of(choices: dict[str, Any]) -> Any:
    """The options of a run that makes these choices and overrides nothing else."""
    known = _choices(_compose().hydra)
    made = [
        f"{'' if group in known else '+'}{group}={choice}"
        for group, choice in choices.items()
        if choice is not None
    ]
    dropped = [f"~{group}" for group, choice in known.items() if choice and group not in choices]
    return OmegaConf.to_container(_compose(*made, *dropped))


def place(config: Config, hydra: DictConfig, multirun: bool = False) -> None:
    """Sets ``config.choices``, the name that the run's choices and changed options make, and what
    is not given: ``name``, and in a sweep ``sweep`` and this run's folder in ``run_dir``."""
    choices = _choices(hydra)
    experiment = choices.get("experiment")
    usual = _compose(f"experiment={experiment}" if experiment else "~experiment")
    changed = departures(as_dict(config), _options_of(choices))
    config.choices = run_name(experiment, choices, _choices(usual.hydra), changed)
    config.name = config.name or config.choices
    if multirun:
        config.sweep = Path(config.run_dir or hydra.sweep.dir).name
        if config.run_dir is not None:
            key = sweep_key(hydra.overrides.task, experiment, config.seed)
            config.run_dir = str(Path(config.run_dir) / key)

"""Sets the name of a composed run and, in a sweep, its folder. Hydra must be initialised."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from amlm.config.command import RUN_CONFIG
from amlm.config.groups import resolve_alias
from amlm.config.run_name import CUT, departures, run_name, sweep_key
from amlm.config.schema import Config, as_dict


def _choices(hydra: DictConfig) -> dict[str, Any]:
    """The choice of every config group but Hydra's own, aliases resolved."""
    return {
        str(group): choice and resolve_alias(str(group), choice, list(_folders(hydra)))
        for group, choice in hydra.runtime.choices.items()
        if not str(group).startswith("hydra/")
    }


def _folders(hydra: DictConfig) -> tuple[Path, ...]:
    sources = hydra.runtime.config_sources
    return tuple(Path(each.path) for each in sources if each.schema == "file")


@lru_cache  # the runs of a sweep ask for the same
def _composed(folders: tuple[Path, ...], *overrides: str) -> tuple[dict[str, Any], Any]:
    """The choices and the options that some overrides make, with the YAML files of the folders."""
    cfg = compose(RUN_CONFIG, list(overrides), return_hydra_config=True)
    return _choices(cfg.hydra), OmegaConf.to_container(cfg)


def _folder(sweep: Path, key: str) -> Path:
    """The folder of a run in a sweep by its key (`sweep_key`): of one that was cut the digest
    counts, since what the sweep varied may have been else when the run began."""
    cut = CUT.fullmatch(key)
    return min(sweep.expanduser().glob(f"*{cut[1]}" if cut else key), default=sweep / key)


def place(
    config: Config, hydra: DictConfig, multirun: bool = False, swept: Collection[str] = ()
) -> None:
    """Sets ``config.choices``, the name that the run's choices and changed options make, and what
    is not given: ``name``, and in a sweep, of these keys, ``sweep`` and this run's folder in
    ``run_dir``."""
    choices, folders = _choices(hydra), _folders(hydra)
    experiment = choices.get("experiment")
    start = f"experiment={experiment}" if experiment else "~experiment"
    usual, _ = _composed(folders, start)
    others = [
        f"{'' if group in usual else '+'}{group}={choices[group]}"
        if choices.get(group)
        else f"~{group}"
        for group in usual | choices
        if choices.get(group) != usual.get(group)
    ]
    # The options of a run that makes these choices and overrides nothing else.
    _, reference = _composed(folders, start, *others)
    changed = departures(as_dict(config), reference)
    config.choices = run_name(experiment, choices, usual, changed)
    config.name = config.name or config.choices
    if multirun:
        config.sweep = Path(config.run_dir or hydra.sweep.dir).name
        if config.run_dir is not None:
            sweep, overrides = Path(config.run_dir), hydra.overrides.task
            key = sweep_key(overrides, experiment, config.seed, swept)
            config.run_dir = str(_folder(sweep, key))
            table = Path(str(config.masking.signal.get("path")))
            if table.parent == sweep and not table.exists():
                # The sweep's run of this experiment with the same seed, see frozen.yaml.
                key = sweep_key(overrides, table.name, config.seed, swept)
                config.masking.signal["path"] = str(_folder(sweep, key))

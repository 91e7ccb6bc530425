"""Composes options with Hydra: YAML files and overrides in, a checked dataclass out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hydra import compose, version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from amlm.config.build_options import build_options
from amlm.config.command import RUN_CONFIG, root_of
from amlm.config.groups import conf_dir, groups_of
from amlm.config.options import options
from amlm.config.overrides import explain, to_overrides
from amlm.config.parallel_launchers import register_launchers
from amlm.config.place import place
from amlm.config.schema import Config
from amlm.util.errors import InputError

VERSION_BASE = "1.3"
SETTINGS = {  # Hydra's own settings, for every command
    "defaults": [{"override /hydra/job_logging": "stdout"}, {"override /hydra/launcher": "serial"}],
    "hydra": {
        # A run creates its own folder, so that runs never overwrite each other.
        "output_subdir": None,
        "run": {"dir": "."},
        "sweep": {
            "dir": "${oc.select:paths.outputs,outputs}/multirun/${now:%Y%m%d-%H%M%S}",
            "subdir": ".",
        },
        "job": {"chdir": False},
        "job_logging": {"root": {"level": "WARNING"}},  # libraries log a lot
    },
}
OF_HYDRA = ("hydra.", "hydra_plugins.", "logging.", "colorlog.", "optuna.samplers.")
WHOLE = ("data.sequence_length",)  # dictionaries that an override must give in full

Options = TypeVar("Options")


def config_path(root: str) -> str | None:
    """The folder of a command's config groups; only a run has any."""
    return str(conf_dir()) if root == RUN_CONFIG else None


def register(schema: type[Any], root: str) -> None:
    """Registers a dataclass as the schema of a root configuration."""
    register_launchers()
    store = ConfigStore.instance()
    store.store(name="hydra_settings", node=SETTINGS, package="_global_")
    store.store(name=f"{root}_schema", node=schema)
    if root != RUN_CONFIG:
        store.store(name=root, node={"defaults": [f"{root}_schema", "hydra_settings", "_self_"]})


@dataclass(frozen=True)
class Composer:
    """Composes configurations while Hydra is set up by `composer`.

    Attributes:
        schema: the dataclass of the options.
        root: name of the root configuration.
        groups: config groups and their choices.
    """

    schema: type[Any]
    root: str
    groups: dict[str, list[str]]

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """Parses overrides as Hydra does; a glob() matches the choices of its group.

        Raises:
            InputError: one cannot be parsed.
        """
        parser = OverridesParser.create(GlobalHydra.instance().config_loader())
        try:
            return list(parser.parse_overrides(list(overrides)))
        except HydraException as error:
            raise InputError(str(error).splitlines()[0]) from error

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of one run, including the node ``hydra``.

        Raises:
            InputError: an unknown key or choice, a wrong type, or code of others in ``hydra``.
        """
        try:
            cfg: DictConfig = compose(self.root, list(overrides), return_hydra_config=True)
            _check_targets(OmegaConf.to_container(cfg.hydra, resolve=False), "hydra")
            return cfg
        except (HydraException, OmegaConfBaseException) as error:
            lists = [name for name, _, value in options(self.schema()) if isinstance(value, list)]
            message = explain(error, self.parse(overrides), self._known(), self.groups, lists)
            raise InputError(message) from error
        except yaml.YAMLError as error:
            raise InputError(f"invalid YAML file: {' '.join(str(error).split())}") from error

    def _known(self) -> list[str]:
        """The names of all options and groups."""
        names = [name for name, _, _ in options(self.schema())]
        with suppress(HydraException):  # the root configuration itself may be at fault
            names += _names("", OmegaConf.to_container(compose(self.root)))
        return [*names, *self.groups]

    def build(self, cfg: DictConfig, overrides: Sequence[str]) -> Any:
        """The options that `compose` gave for some overrides; see `build_options`."""
        own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
        made = build_options(own, self.schema)
        _check_whole(made, self.parse(overrides))
        return made


def _check_targets(node: Any, where: str) -> None:
    # Hydra would call whatever a YAML file names as its callback, launcher or log handler.
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        if isinstance(value, (dict, list)):
            _check_targets(value, f"{where}.{key}")
        elif key in ("_target_", "class", "()") and not str(value).startswith(OF_HYDRA):
            raise InputError(
                f"{where}.{key}={value}: only classes of {', '.join(OF_HYDRA)} are allowed there; "
                "a run's own callbacks go under callbacks"
            )


def _names(prefix: str, node: Any) -> Iterator[str]:
    if prefix:
        yield prefix
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _names(f"{prefix}.{key}".lstrip("."), value)


def _check_whole(made: Any, overrides: Sequence[Override]) -> None:
    # Hydra merges dictionaries: {0: 128} over {0: 64, 5: 256} keeps epoch 5.
    for override in overrides:
        name, value = override.key_or_group, override.value()
        if name in WHOLE and isinstance(value, dict):
            merged = attrgetter(name)(made)
            missing = {*merged} - {int(key) for key in value}
            if missing:
                raise InputError(
                    f"{name}={value} would keep the length from epoch {min(missing)} on (merged: "
                    f"{dict(merged)}): give the length for each of these epochs"
                )


@contextmanager
def composer(
    schema: type[Any], root: str, config_dir: str | None = None, config_name: str | None = None
) -> Iterator[Composer]:
    """Sets Hydra up as its own main function does, and restores its state afterwards.

    Args:
        schema: the dataclass of the options.
        root: name of the root configuration.
        config_dir: the user's folder of YAML files.
        config_name: a configuration in that folder to use as the root instead.

    Raises:
        InputError: there is no such folder.
    """
    folder = Path(config_dir).expanduser().resolve() if config_dir else None
    search_path = create_config_search_path(config_path(root))
    if folder is not None:
        if not folder.is_dir():
            raise InputError(f"--config-dir {config_dir} is not a folder")
        search_path.prepend("command-line", f"file://{folder}", SearchPathQuery("schema", None))
    register(schema, root)
    version.setbase(VERSION_BASE)
    instance = GlobalHydra.instance()
    before = instance.hydra
    instance.clear()
    try:
        Hydra.create_main_hydra2("amlm", search_path)
        yield Composer(schema, config_name or root, groups_of(root, folder))
    finally:
        instance.hydra = before


def parse(
    schema: type[Options], arguments: Sequence[str], config_dir: str | None = None
) -> Options:
    """The options that command-line arguments give, e.g. ``["seed=1"]``.

    Raises:
        InputError: what is wrong with them.
    """
    overrides = to_overrides(arguments, schema)
    with composer(schema, root_of(schema), config_dir) as made:
        cfg = made.compose(overrides)
        result = made.build(cfg, overrides)
        if isinstance(result, Config):
            place(result, cfg.hydra)
    assert isinstance(result, schema)
    return result

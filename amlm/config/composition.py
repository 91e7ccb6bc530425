"""Options from overrides, by Hydra: YAML files and overrides in, a checked dataclass out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from amlm.config.checks import check
from amlm.config.command import RUN_CONFIG, root_of
from amlm.config.components import check_components
from amlm.config.groups import conf_dir, groups_of
from amlm.config.options import check_ranges, options
from amlm.config.overrides import explain, to_override
from amlm.config.place import place
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

VERSION_BASE = "1.3"
SETTINGS = {  # how every command uses Hydra
    "defaults": [{"override /hydra/job_logging": "stdout"}],
    "hydra": {
        # A run makes its own folder, so that runs of any kind never overwrite each other.
        "output_subdir": None,
        "run": {"dir": "."},
        "sweep": {
            "dir": "${oc.select:paths.outputs,outputs}/multirun/${now:%Y%m%d-%H%M%S}",
            "subdir": ".",
        },
        "job": {"chdir": False},
        "job_logging": {"root": {"level": "WARNING"}},  # libraries have much to say
    },
}
WHOLE = ("data.sequence_length",)  # dictionaries that an override has to give in full

Options = TypeVar("Options")


def config_path(root: str) -> str | None:
    """The folder that Hydra finds the groups of a command in; small commands have no groups."""
    return str(conf_dir()) if root == RUN_CONFIG else None


def register(schema: type[Any], root: str) -> None:
    """Makes a dataclass the schema that the configuration of that name starts from."""
    store = ConfigStore.instance()
    store.store(name="hydra_settings", node=SETTINGS, package="_global_")
    store.store(name=f"{root}_schema", node=schema)
    if root != RUN_CONFIG:
        store.store(name=root, node={"defaults": [f"{root}_schema", "hydra_settings", "_self_"]})


def build_options(cfg: DictConfig, schema: type[Options]) -> Options:
    """The dataclass of a composed configuration.

    Raises:
        InputError: an unknown or missing option, a wrong type, a value out of range, or options
            that contradict each other.
    """
    known = {name: each for name, each, _ in options(schema())}
    try:
        # `+key=value` adds keys to a composed configuration; the schema alone does not take them.
        plain = OmegaConf.to_container(cfg, resolve=True)
        made = OmegaConf.merge(OmegaConf.structured(schema), plain)
        for name, each in known.items():
            if OmegaConf.is_missing(made, name):
                raise InputError(f"{name}=... is needed: {each.metadata['help']}")
        result = OmegaConf.to_object(made)
    except ConfigKeyError as error:
        key = str(error.full_key)
        raise InputError(f"unknown option {key}{nearest(key, known)}") from error
    except OmegaConfBaseException as error:
        raise InputError(str(error).splitlines()[0]) from error
    assert isinstance(result, schema)
    check_ranges(result)
    if isinstance(result, Config):
        check(result)
        check_components(result)
    return result


class Composer:
    """Composes configurations of one schema with Hydra; made by `composer`.

    Args:
        schema: the dataclass of the options.
        root: the configuration to start from.
        hydra: Hydra with the search path of our folder and the user's.
        groups: the config groups and their choices.
    """

    def __init__(
        self, schema: type[Any], root: str, hydra: Hydra, groups: dict[str, list[str]]
    ) -> None:
        self.schema, self.root, self.groups = schema, root, groups
        self._hydra = hydra

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """The overrides as Hydra reads them; a glob() finds the choices of its group."""
        try:
            return list(
                OverridesParser.create(self._hydra.config_loader).parse_overrides(list(overrides))
            )
        except HydraException as error:
            raise InputError(str(error).splitlines()[0]) from error

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        cfg = self._hydra.compose_config(
            self.root, list(overrides), RunMode.RUN, with_log_configuration=False
        )
        assert isinstance(cfg, DictConfig)
        return cfg

    def _known(self) -> list[str]:
        """The names of all options and groups."""
        names = [name for name, _, _ in options(self.schema())]
        with suppress(HydraException):  # the configuration to start from may be what is wrong
            names += _names("", OmegaConf.to_container(self._compose([])))
        return [*names, *self.groups]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of one run, with the node of Hydra's own options.

        Raises:
            InputError: an unknown key or choice, or a wrong type.
        """
        try:
            return self._compose(overrides)
        except (HydraException, OmegaConfBaseException) as error:
            lists = [name for name, _, value in options(self.schema()) if isinstance(value, list)]
            told = explain(error, self.parse(overrides), self._known(), self.groups, lists)
            raise InputError(told) from error
        except yaml.YAMLError as error:
            raise InputError(f"a YAML file is broken: {' '.join(str(error).split())}") from error

    def build(self, cfg: DictConfig, overrides: Sequence[str]) -> Any:
        """The options of what `compose` made of some overrides; see `build_options`."""
        own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
        made = build_options(own, self.schema)
        _check_whole(made, self.parse(overrides))
        return made


def _names(prefix: str, node: Any) -> Iterator[str]:
    if prefix:
        yield prefix
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _names(f"{prefix}.{key}".lstrip("."), value)


def _check_whole(made: Any, overrides: Sequence[Override]) -> None:
    # Hydra merges dictionaries, so {0: 128} over {0: 64, 5: 256} is not what it looks like.
    for override in overrides:
        name, value = override.key_or_group, override.value()
        if name in WHOLE and isinstance(value, dict):
            meant = attrgetter(name)(made)
            missing = {*meant} - {int(key) for key in value}
            if missing:
                raise InputError(
                    f"{name}={value} would leave the length from epoch {min(missing)} on as it is "
                    f"({dict(meant)}): say the length for each of these epochs"
                )


@contextmanager
def composer(
    schema: type[Any], root: str, config_dir: str | None = None, config_name: str | None = None
) -> Iterator[Composer]:
    """Sets Hydra up as its own main function does, and puts it back as it was.

    Args:
        schema: the dataclass of the options.
        root: name of the configuration to start from.
        config_dir: the user's folder of YAML files.
        config_name: a configuration in that folder to start from instead.

    Raises:
        InputError: there is no such folder.
    """
    folder = Path(config_dir).expanduser().resolve() if config_dir else None
    search_path = create_config_search_path(config_path(root))
    if folder is not None:
        if not folder.is_dir():
            raise InputError(f"--config-dir {config_dir} is no folder")
        search_path.prepend("command-line", f"file://{folder}", SearchPathQuery("schema", None))
    register(schema, root)
    version.setbase(VERSION_BASE)
    instance = GlobalHydra.instance()
    before = instance.hydra
    instance.clear()
    try:
        hydra = Hydra.create_main_hydra2("amlm", search_path)
        yield Composer(schema, config_name or root, hydra, groups_of(root, folder))
    finally:
        instance.hydra = before


def parse(
    schema: type[Options], arguments: Sequence[str], config_dir: str | None = None
) -> Options:
    """The options that the arguments of a command line stand for, e.g. ``["seed=1"]``.

    Raises:
        InputError: what is wrong with them.
    """
    with composer(schema, root_of(schema), config_dir) as made:
        known = [name for name, _, _ in options(schema())]
        overrides = [to_override(each, known) for each in arguments]
        cfg = made.compose(overrides)
        result = made.build(cfg, overrides)
        if isinstance(result, Config):
            place(result, cfg.hydra)
    assert isinstance(result, schema)
    return result

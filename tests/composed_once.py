"""Hydra composes the same choices of our config groups, reads each file, makes a schema of each
dataclass and parses each override once per process: it took a quarter of the suite's time. Values
of single options are applied to a copy, as by Hydra.

Folders of a user's own are composed anew each time, and so are other commands, whose options tests
make up; new interpreters that tests start compose everything.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from amlm.config.command import RUN_CONFIG
from amlm.config.groups import conf_dir

_create_defaults_list = config_loader_impl.create_defaults_list
_compose = ConfigLoaderImpl._compose_config_from_defaults_list
_load = ConfigRepository.load_config
_structured = OmegaConf.structured
_parse_rule = OverridesParser.parse_rule
_loaded: dict[tuple[str, ...], ConfigResult] = {}  # our files and Hydra's own
_known: dict[tuple[Any, ...], Any] = {}  # lists of defaults by what was chosen
_uses: dict[int, int] = {}  # by the identity of a known list
_composed: dict[int, bytes] = {}  # of those that are used again: a copy costs something too
_schemas: dict[type[Any], Any] = {}  # of dataclasses: what is stored or merged is copied first
_parsed: dict[tuple[str, str], Any] = {}  # overrides and values


def _chooses(repo: Any, override: Override) -> bool:
    """Whether an override chooses of a group, by the rule of Hydra's `Overrides`."""
    return repo.group_exists(override.key_or_group) and not isinstance(override.value(), dict)


def _defaults_list(
    repo: Any, config_name: str, overrides_list: Sequence[Override], **options: Any
) -> Any:
    folders = [Path(each.path) for each in repo.get_sources() if each.scheme() == "file"]
    if config_name != RUN_CONFIG or folders != [conf_dir()]:
        return _create_defaults_list(repo, config_name, list(overrides_list), **options)
    choices: list[Override] = []
    values: list[Override] = []
    for each in overrides_list:
        if not each.is_sweep_override():
            (choices if _chooses(repo, each) else values).append(each)
    key = (*(each.input_line for each in choices), *sorted(options.items()))
    if key not in _known:
        _known[key] = _create_defaults_list(repo, config_name, choices, **options)
        _uses[id(_known[key].defaults)] = 0
    return replace(_known[key], config_overrides=values)


def _compose_once(self: ConfigLoaderImpl, defaults: Any, repo: Any) -> Any:
    known = id(defaults)
    if known in _uses:
        _uses[known] += 1
    if _uses.get(known, 0) < 2:
        return _compose(self, defaults, repo)
    if known not in _composed:
        _composed[known] = pickle.dumps(_compose(self, defaults, repo))
    return pickle.loads(_composed[known])  # four times as fast as `deepcopy`


def _load_once(self: ConfigRepository, config_path: str) -> ConfigResult | None:
    source = self._find_object_source(config_path, ObjectType.CONFIG)
    ours = source is not None and (
        source.scheme() == "pkg" or (source.scheme() == "file" and Path(source.path) == conf_dir())
    )
    if not ours:
        return _load(self, config_path)
    key = (source.provider, source.path, config_path)
    if key not in _loaded:
        _loaded[key] = _load(self, config_path)
    return replace(_loaded[key], config=copy.deepcopy(_loaded[key].config))


def _structured_once(obj: Any, *arguments: Any, **options: Any) -> Any:
    if not isinstance(obj, type) or arguments or options:
        return _structured(obj, *arguments, **options)
    if obj not in _schemas:
        _schemas[obj] = _structured(obj)
    return _schemas[obj]


def _parse_once(self: OverridesParser, s: str, rule_name: str) -> Any:
    if (s, rule_name) not in _parsed:
        _parsed[s, rule_name] = pickle.dumps(_parse_rule(self, s, rule_name))
    return pickle.loads(_parsed[s, rule_name])


def install() -> None:
    # Each composition copies its sources, and with them all that is stored.
    ConfigStore.__deepcopy__ = lambda self, _: self
    OmegaConf.structured = staticmethod(_structured_once)  # type: ignore[method-assign]
    OverridesParser.parse_rule = _parse_once
    ConfigRepository.load_config = _load_once
    config_loader_impl.create_defaults_list = _defaults_list
    ConfigLoaderImpl._compose_config_from_defaults_list = _compose_once


def uninstall() -> None:
    del ConfigStore.__deepcopy__
    OmegaConf.structured = staticmethod(_structured)  # type: ignore[method-assign]
    OverridesParser.parse_rule = _parse_rule
    ConfigRepository.load_config = _load
    config_loader_impl.create_defaults_list = _create_defaults_list
    ConfigLoaderImpl._compose_config_from_defaults_list = _compose

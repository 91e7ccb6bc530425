"""Components: config nodes with a ``_target_`` that names a class, its options next to it.

A new masking signal (or schedule, sampler, callback ...) is one dataclass in one file and one
YAML, here or in a package of the user's own. The dataclass's fields are its options: typed,
documented and range-checked with the same `amlm.config.options.option` as the rest, so that a
misspelt key is caught before any work starts.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from amlm.config.options import check_ranges
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# A config file is data, not code: classes of other packages are built only from a package that the
# user names in `components`, or whose entry point in this group says that it is made for this.
OURS = ("amlm", "lightning.pytorch.callbacks")
ENTRY_POINTS = "amlm.components"

# What a component must have, by its place.
MASKING_PARTS = {
    "signal": ("counters", "observe", "score"),
    "schedule": ("__call__",),
    "sampler": ("select", "capacity"),
    "replacement": ("apply",),
}
CALLBACK = ("on_train_batch_end",)


def _is_allowed(target: str, packages: Sequence[str]) -> bool:
    def within(names: Sequence[str]) -> bool:
        return target.startswith(tuple(f"{name}." for name in names))

    return within([*OURS, *packages]) or within(
        [each.module for each in entry_points(group=ENTRY_POINTS)]
    )


def resolve(target: str, where: str, packages: Sequence[str], needs: Sequence[str] = ()) -> type:
    """The class that a ``_target_`` names.

    Args:
        target: module and class.
        where: the node's place in the configuration, for messages, e.g. ``masking.signal``.
        packages: that the user allows, beside ours.
        needs: names of methods that the class must have.

    Raises:
        InputError: a class of another package, none of that name, or one that does not fit there.
    """
    module_name, _, class_name = target.rpartition(".")
    if not _is_allowed(target, packages):
        raise InputError(
            f"{where}._target_={target}: only classes of {', '.join(OURS)} and of packages that "
            f"you name are built from a configuration; if you trust that package, add "
            f"components=[{target.partition('.')[0]}]"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"{where}._target_={target} does not exist: {error}") from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = nearest(class_name, vars(module))
        raise InputError(
            f"{where}._target_={target} does not exist: {module_name} has no {class_name}{hint}"
        )
    if not isinstance(found, type):
        raise InputError(f"{where}._target_={target} is not a class")
    # Of the class itself: every class can be called, not every object.
    if not all(any(name in vars(base) for base in found.__mro__) for name in needs):
        raise InputError(
            f"{where}._target_={target} does not fit there: it has no {' or '.join(needs)}"
        )
    return found


def typed_options(cls: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options of a dataclass, those that are given and the others, with its types.

    Raises:
        InputError: an unknown option or a wrong type.
    """
    names = [each.name for each in dataclasses.fields(cls) if each.init]
    for key in given:
        if key not in names:
            known = [f"{where}.{name}" for name in names]
            raise InputError(f"unknown option {where}.{key}{nearest(f'{where}.{key}', known)}")
    try:
        typed = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(cls), dict(given)))
    except OmegaConfBaseException as error:
        raise InputError(f"{where}: {str(error).splitlines()[0]}") from error
    assert isinstance(typed, dict)
    return {str(key): value for key, value in typed.items()}


def build(node: Any, where: str, needs: Sequence[str] = (), packages: Sequence[str] = ()) -> Any:
    """Builds the component that a config node describes.

    Args:
        node: a mapping with ``_target_`` and the class's options.
        where, needs, packages: see `resolve`.

    Raises:
        InputError: no ``_target_``, an unknown class or option, a wrong type or range.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise InputError(f"{where} is not set: choose one, e.g. {where.replace('.', '/')}=...")
    given = {key: value for key, value in dict(node).items() if key != "_target_"}
    cls = resolve(str(node["_target_"]), where, packages, needs)
    if dataclasses.is_dataclass(cls):
        given = typed_options(cls, given, where)
    try:
        component = cls(**given)
    except Exception as error:  # Lightning has an exception of its own for wrong arguments
        raise InputError(f"{where}: {error}") from error
    if dataclasses.is_dataclass(component):
        check_ranges(component, f"{where}.")
    return component


def components(config: Config) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """The place, node and needed methods of each component of a configuration."""
    for part, needs in MASKING_PARTS.items():
        yield f"masking.{part}", getattr(config.masking, part), needs
    for name, node in config.callbacks.items():
        yield f"callbacks.{name}", node, CALLBACK


def _build_section(config: Config, section: str) -> dict[str, Any]:
    return {
        where.partition(".")[2]: build(node, where, needs, config.components)
        for where, node, needs in components(config)
        if where.startswith(section)
    }


def build_masking(config: Config) -> dict[str, Any]:
    """The parts of a masking policy, by name."""
    return _build_section(config, "masking.")


def build_callbacks(config: Config) -> list[Any]:
    """The further callbacks of a configuration."""
    return list(_build_section(config, "callbacks.").values())


def describe_components(config: Any) -> dict[str, tuple[type, dict[str, Any]]]:
    """The class of each chosen component of a configuration and its options, by its place."""
    found: dict[str, tuple[type, dict[str, Any]]] = {}
    for where, node, needs in components(config):
        given = dict(node or {})
        if "_target_" in given:
            cls = resolve(str(given.pop("_target_")), where, config.components, needs)
            if dataclasses.is_dataclass(cls):
                found[where] = cls, typed_options(cls, given, where)
    return found


def check_components(config: Config) -> None:
    """Raises InputError if a component of a configuration can't be built."""
    build_masking(config)
    build_callbacks(config)

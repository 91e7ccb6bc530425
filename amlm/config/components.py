"""Components: config nodes with a ``_target_`` that names a class, its options next to it.

A new masking signal (or schedule, sampler, callback ...) is one dataclass in one file and one
YAML. The dataclass's fields are its options: typed, documented and range-checked with the same
`amlm.config.option` as the rest, so that a misspelt key is caught before any work starts.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from amlm.config.options import check_ranges
from amlm.config.schema import MaskingConfig
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# Classes outside these packages are not built from a config: a config file is data, not code.
ALLOWED_PACKAGES = ("amlm.", "lightning.", "torch.")


MASKING_PARTS = {
    "signal": ("counters", "observe", "score"),
    "schedule": ("__call__",),
    "sampler": ("select", "capacity"),
    "replacement": ("apply",),
}


def _resolve(target: str, where: str) -> type:
    if not target.startswith(ALLOWED_PACKAGES):
        raise InputError(
            f"{where}._target_={target}: only classes of {', '.join(ALLOWED_PACKAGES)} are built "
            "from a configuration"
        )
    module_name, _, class_name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{where}._target_={target} does not exist: {error}") from error
    if not isinstance(found, type):
        raise InputError(f"{where}._target_={target} is not a class")
    return found


def typed_options(cls: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options of a dataclass, those that are given and the others, with its types.

    Raises:
        InputError: an unknown option or a wrong type.
    """
    names = [each.name for each in dataclasses.fields(cls) if each.init]
    for key in given:
        if key not in names:
            raise InputError(f"unknown option {where}.{key}{nearest(str(key), names)}")
    try:
        typed = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(cls), dict(given)))
    except OmegaConfBaseException as error:
        raise InputError(f"{where}: {str(error).splitlines()[0]}") from error
    assert isinstance(typed, dict)
    return {str(key): value for key, value in typed.items()}


def build(node: Any, where: str, needs: Sequence[str] = ()) -> Any:
    """Builds the component that a config node describes.

    Args:
        node: a mapping with ``_target_`` and the class's options.
        where: the node's place in the configuration, for messages, e.g. ``masking.signal``.
        needs: names of methods that what is built must have.

    Raises:
        InputError: no ``_target_``, an unknown class or option, a wrong type or range.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise InputError(f"{where} is not set: choose one, e.g. {where.replace('.', '/')}=...")
    given = {key: value for key, value in dict(node).items() if key != "_target_"}
    cls = _resolve(str(node["_target_"]), where)
    if dataclasses.is_dataclass(cls):
        given = typed_options(cls, given, where)
    try:
        component = cls(**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error
    if not all(hasattr(component, name) for name in needs):
        raise InputError(
            f"{where}._target_={node['_target_']} does not fit there: it has no "
            f"{' or '.join(needs)}"
        )
    if dataclasses.is_dataclass(component):
        check_ranges(component, f"{where}.")
    return component


def build_masking(config: MaskingConfig) -> dict[str, Any]:
    """The parts of a masking policy, by name."""
    return {
        part: build(getattr(config, part), f"masking.{part}", needs)
        for part, needs in MASKING_PARTS.items()
    }


def build_callbacks(nodes: Mapping[str, Any]) -> list[Any]:
    """The further callbacks of a configuration."""
    return [
        build(node, f"callbacks.{name}", needs=("on_train_batch_end",))
        for name, node in nodes.items()
    ]

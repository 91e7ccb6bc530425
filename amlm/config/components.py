"""Components: config nodes with a ``_target_`` that names a class and that class's options.

A new masking signal (or schedule, sampler, callback ...) is one dataclass and one YAML file, here
or in a user's own package. Its fields are its options, typed, documented and range-checked with the
same `amlm.config.options.option` as all others, so a misspelt key is found before a run starts.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from amlm.config.options import check_ranges
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.quick_imports import quick_imports

# A config file is data, not code: classes of other packages are built only if the user names the
# package in `components` or it has an entry point in this group.
OURS = ("amlm", "lightning.pytorch.callbacks")
ENTRY_POINTS = "amlm.components"

# Methods that a component must have.
MASKING_PARTS = {
    "unit": ("begins",),
    "signal": ("counters", "observe", "score"),
    "schedule": ("__call__",),
    "sampler": ("select", "capacity"),
    "replacement": ("apply",),
}
CALLBACK = ("on_train_batch_end",)
# Lightning's callbacks that a run cannot have: why, and what to do instead.
PLANNED = "would change the steps of a run, which are planned before it starts"
UNFIT = {
    "GradientAccumulationScheduler": (PLANNED, "set trainer.accumulate"),
    "BatchSizeFinder": (PLANNED, "set data.tokens_per_step and trainer.accumulate"),
    "LearningRateFinder": (PLANNED, "compare values of optimizer.lr in a sweep"),
    "StochasticWeightAveraging": (PLANNED, "use EMAWeightAveraging, which needs no epochs"),
    "BaseFinetuning": (PLANNED, "train all of the model"),
    "SpikeDetection": ("fails when a run resumes", "see the health records, which report spikes"),
}


def _within(name: str, packages: Iterable[str]) -> bool:
    return name.startswith(tuple(f"{package}." for package in packages))


def resolve(target: str, where: str, packages: Sequence[str], needs: Sequence[str] = ()) -> type:
    """The class that a ``_target_`` names.

    Args:
        target: module and class.
        where: the node's key in the configuration, for messages, e.g. ``masking.signal``.
        packages: allowed by the user, in addition to ours.
        needs: names of methods that the class must have.

    Raises:
        InputError: the class is not allowed, does not exist, lacks a method, or is `UNFIT`.
    """
    module_name, _, class_name = target.rpartition(".")
    if not _within(target, [*OURS, *packages]) and not _within(
        target, (each.module for each in entry_points(group=ENTRY_POINTS))
    ):
        raise InputError(
            f"{where}._target_={target}: only classes of {', '.join(OURS)} and of packages that "
            f"you name are allowed; if you trust that package, add "
            f"components=[{target.partition('.')[0]}]"
        )
    try:
        with quick_imports():  # a signal imports torch
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
    if _within(target, OURS) and not _within(f"{found.__module__}.", OURS):
        raise InputError(
            f"{where}._target_={target}: {module_name} only imports it from {found.__module__}; "
            f"only classes of {', '.join(OURS)} are allowed"
        )
    for name in (base.__name__ for base in found.__mro__ if base.__module__.startswith(OURS[1])):
        if name in UNFIT:
            why, instead = UNFIT[name]
            raise InputError(f"{where}._target_={target} {why}: leave it out and {instead}")
    # Not hasattr: every class has __call__, from its metaclass.
    if not all(any(name in vars(base) for base in found.__mro__) for name in needs):
        raise InputError(
            f"{where}._target_={target} cannot be used there: it has no {' or '.join(needs)}"
        )
    return found


def typed_options(cls: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """All options of a dataclass, given or default, converted to their types.

    Raises:
        InputError: an unknown option or a wrong type.
    """
    known = [f"{where}.{each.name}" for each in dataclasses.fields(cls) if each.init]
    for key in (f"{where}.{name}" for name in given):
        if key not in known:
            raise InputError(f"unknown option {key}{nearest(key, known)}")
    try:
        typed = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(cls), dict(given)))
    except OmegaConfBaseException as error:
        raise InputError(f"{where}: {str(error).splitlines()[0]}") from error
    assert isinstance(typed, dict)
    return {str(key): value for key, value in typed.items()}


def build(node: Any, where: str, needs: Sequence[str] = (), packages: Sequence[str] = ()) -> Any:
    """Builds the component of a config node; for ``where``, ``needs``, ``packages`` see `resolve`.

    Raises:
        InputError: no ``_target_``, an unknown class or option, a wrong type or range.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        group = where.replace(".", "/")
        if isinstance(node, str):
            raise InputError(f"{where}={node} chooses nothing: write {group}={node}")
        raise InputError(f"{where} is not set: choose one, e.g. {group}=...")
    given = {key: value for key, value in node.items() if key != "_target_"}
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


def build_masking(config: Config) -> dict[str, Any]:
    """The parts of a masking policy, by name."""
    return {
        part: build(getattr(config.masking, part), f"masking.{part}", needs, config.components)
        for part, needs in MASKING_PARTS.items()
    }


def build_callbacks(config: Config) -> list[Any]:
    """The callbacks that the user adds."""
    return [
        build(node, f"callbacks.{name}", CALLBACK, config.components)
        for name, node in config.callbacks.items()
    ]


def describe_components(config: Any) -> dict[str, tuple[type, dict[str, Any]]]:
    """The class and the options of each chosen component, by its key in the configuration."""
    nodes = [(f"masking.{p}", config.masking[p], needs) for p, needs in MASKING_PARTS.items()]
    nodes += [(f"callbacks.{name}", node, CALLBACK) for name, node in config.callbacks.items()]
    found: dict[str, tuple[type, dict[str, Any]]] = {}
    for where, node, needs in nodes:
        given = dict(node or {})
        if "_target_" in given:
            cls = resolve(str(given.pop("_target_")), where, config.components, needs)
            if dataclasses.is_dataclass(cls):
                found[where] = cls, typed_options(cls, given, where)
    return found

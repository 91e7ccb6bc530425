"""Turns a composed configuration into a checked dataclass."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)

from amlm.config.checks import check
from amlm.config.components import build_callbacks, build_masking
from amlm.config.options import check_ranges, options
from amlm.config.schema import Config, flat
from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.secrets import check_no_secrets

Options = TypeVar("Options")


def build_options(cfg: DictConfig, schema: type[Options]) -> Options:
    """Converts a composed configuration to its dataclass and checks it.

    Raises:
        InputError: an unknown or missing option, a wrong type, a value out of range, or options
            that contradict each other.
    """
    known = {name: each for name, each, _ in options(schema())}
    check_no_secrets(OmegaConf.to_container(cfg, resolve=False))
    try:
        # `+key=value` adds any key to a composed configuration; the schema rejects it.
        plain = OmegaConf.to_container(cfg, resolve=True)
        made = OmegaConf.merge(OmegaConf.structured(schema), plain)
        for name, each in known.items():
            if OmegaConf.is_missing(made, name):
                raise InputError(f"{name}=... is required: {each.metadata['help']}")
        result = OmegaConf.to_object(made)
    except ConfigKeyError as error:
        key = str(error.full_key)
        raise InputError(f"unknown option {key}{nearest(key, known)}") from error
    except InterpolationResolutionError as error:
        why = str(error).splitlines()[0]
        raise InputError(
            f"{error.full_key or 'an option'} can't be resolved ({why}): ${{...}} stands for "
            "another option, or as ${oc.env:NAME} for an environment variable"
        ) from error
    except OmegaConfBaseException as error:
        raise InputError(str(error).splitlines()[0]) from error
    assert isinstance(result, schema)
    _check_homes(plain)
    check_ranges(result)
    if isinstance(result, Config):
        check(result)
        build_masking(result)
        build_callbacks(result)
    return result


def _check_homes(plain: Any) -> None:
    """Raises InputError for a path in a home folder that is not known, as of a user without one."""
    for name, value in flat(plain).items():
        if isinstance(value, str) and value.startswith("~"):
            try:
                Path(value).expanduser()
            except RuntimeError as error:
                user = value.partition("/")[0]
                raise InputError(
                    f"{name}={value}: {user} is no home folder on this machine: give "
                    f"{name}=<folder>" + (", or set the variable HOME" if user == "~" else "")
                ) from error

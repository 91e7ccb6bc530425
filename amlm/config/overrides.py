"""Overrides (``name=value``) as users type them, prepared for Hydra, and Hydra's errors reworded.

Hydra's grammar reserves ``, = ( ) [ ] { }``, quotes and all letters beyond ASCII. A plain text
that it rejects, such as a path with an umlaut, is quoted here; where that could hide a mistake, the
error says how to quote it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from amlm.config.options import NEEDED, options
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# Sections with keys of the user's own, and components, whose YAML need not list all options: their
# keys are added without typing a `+`.
FREE = re.compile(
    r"(data\.(sources|shares|cleaning)|callbacks)[.=]"
    r"|data\.sequence_length="
    r"|masking\.(unit|signal|schedule|sampler|replacement)\."
)
TEXTS = re.compile(r"data\.sources\.[^.]+\.(path|dev|column)")  # in sections of the user's own
MARKS = set("[]{}(),'\"")  # where quoting the whole value could hide a mistake


def _is_readable(text: str) -> bool:
    try:
        OverridesParser.create().parse_override(text)
    except HydraException:
        return False
    return True


def how_to_quote(key: str, value: str) -> str:
    """How to write a value that Hydra misreads, for error messages."""
    quoted = value.replace('"', '\\"')
    return f"""write a list as [a,b], and quote a text twice: '{key}="{quoted}"'"""


def to_overrides(arguments: Sequence[str], schema: type[Any]) -> list[str]:
    """Arguments of the command line as overrides that Hydra can read.

    A single value of a list that is required, or null by default, becomes a list of one:
    ``runs=outputs/*``.

    Raises:
        InputError: an argument has another form, or a value that has to be quoted.
    """
    found = list(options(schema()))
    known = {name: str(each.type) for name, each, _ in found}
    lists = {
        name
        for name, _, value in found
        if value in (NEEDED, None) and known[name].startswith("list")
    }
    overrides = [_to_override(each, known) for each in arguments]
    return [_as_list(each) if each.partition("=")[0] in lists else each for each in overrides]


def _as_it_stands(argument: str, known: Mapping[str, str]) -> str:
    """Quotes a text that Hydra reads as a number or truth value: ``out=1e3`` is no 1000.0."""
    override = OverridesParser.create().parse_override(argument)
    key, value, typed = override.key_or_group, override.value(), argument.partition("=")[2]
    kind = known.get(key, "str" if TEXTS.fullmatch(key) else "")
    if kind.startswith("str") and isinstance(value, bool | int | float):
        return f"{argument.partition('=')[0]}='{typed}'"
    if kind.startswith("list[str]") and isinstance(value, list):
        for each in value:
            if not isinstance(each, str) and str(each) not in typed:
                raise InputError(
                    f"{key}={typed} would be read as {each}: put the text into quotation marks, "
                    f"""'{key}=["..."]'"""
                )
    return argument


def _to_override(argument: str, known: Mapping[str, str]) -> str:
    if FREE.match(argument):
        argument = f"++{argument}"
    key, sign, value = argument.partition("=")
    if not sign and not argument.startswith("~"):
        # A bare word is perhaps no option at all: only the same word in a section is worth a hint.
        names = [n for n in known if "." in argument or "." not in n or n.endswith(f".{argument}")]
        hint = "" if argument in known else nearest(argument, names)
        raise InputError(f"{argument!r} is not of the form option=value{hint}")
    if _is_readable(argument):
        return _as_it_stands(argument, known) if sign else argument
    if not re.fullmatch(r"[+~]*[\w./@-]+", key):
        raise InputError(f"{argument!r} is not of the form option=value")
    name = key.lstrip("+~")
    marked = value[:1] in MARKS or value[-1:] in "'\"" or "," in value
    # The folder of a sweep's run: experiment=mlm,seed=0.
    if marked and not (known.get(name, "").startswith("str") and os.path.exists(value)):  # noqa: PTH110
        raise InputError(f"{name}={value} cannot be read: {how_to_quote(name, value)}")
    quoted = value.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"{key}='{quoted}'"


def _as_list(override: str) -> str:
    key, _, value = override.partition("=")
    return override if value[:1] == "[" or "," in value else f"{key}=[{value}]"


KINDS = {"Float": "a number", "Integer": "an integer"}  # as OmegaConf spells types


def explain(
    error: Exception,
    overrides: Sequence[Override],
    known: Sequence[str],
    choices: Mapping[str, Sequence[str]],
    lists: Sequence[str],
) -> str:
    """Rewords an error of Hydra's: what is wrong, and the nearest valid name.

    Args:
        error: raised by composing.
        overrides: of the command line.
        known: names of all options and groups.
        choices: by group.
        lists: names of the options that are lists.
    """
    missing = str(getattr(error, "missing_cfg_file", None))
    if missing.startswith("hydra/"):
        group, _, choice = missing.rpartition("/")
        installed = [each.removesuffix(".yaml") for each in ConfigStore.instance().list(group)]
        return (
            f"{group}={choice} is not available{nearest(choice, installed)}: choose one of "
            f"{', '.join(installed)}, or install the Hydra plugin that provides it (for optuna: "
            "pip install 'amlm[optuna]')"
        )
    for override in overrides:
        key, value = override.key_or_group, override.value()
        if override.is_hydra_override() or override.is_add() or override.is_force_add():
            continue
        if key in choices and missing == f"{key}/{value}":
            hint = nearest(str(value), choices[key])
            return f"{key}={value} is not a choice{hint}: one of {', '.join(choices[key])}"
        if key not in choices and key not in known:
            return f"unknown option {key}{nearest(key, known)}"
        if key in lists and not isinstance(value, list):
            return f"{key} is a list: {key}=[{value}]"
    lines = [line.strip() for line in str(error).splitlines()]
    for line in lines:
        full_key = line.removeprefix("full_key: ")
        if full_key != line and full_key not in known:
            return f"unknown option {full_key}{nearest(full_key, known)} ({lines[0].rstrip(':')})"
    cause = str(error.__cause__ or "").splitlines()[:1]
    text = ": ".join([lines[0].rstrip(":"), *(cause or lines[1:2])])
    wrong = re.match(r"Error merging override (.*): Value '.*' of .* could not .* (\w+)$", text)
    if not wrong or wrong[2] not in KINDS:
        return text
    return f"{wrong[1]} is not {KINDS[wrong[2]]}{_whole(wrong[1], text)}"


def _whole(override: str, text: str) -> str:
    """A hint for a number with a fraction or an exponent where an integer belongs."""
    written, hint = override.partition("=")[2], ""
    with suppress(ValueError):
        number = float(written)
        if number.is_integer():
            whole = int(number)
            hint = f": write {' or '.join(dict.fromkeys((f'{whole}', f'{whole:_}')))}"
        if written != str(number):  # as a draw from an interval is written
            return hint
    return hint + "; for integers from an interval, use int(interval(a,b))" * ("'float'" in text)

"""The text of ``--help``, the same for every command. Nothing heavy is imported here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from amlm.config.command import RUN_CONFIG, Command
from amlm.config.options import options, range_text

FLAGS = {
    "--cfg job": "show the configuration and exit",
    "--multirun": "run a sweep, e.g. seed=0,1 for two runs",
    "--config-dir <folder>": "add a folder of your own YAML files",
}


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    return "..." if value == "???" else str(value)


def _option_lines(name: str, each: dataclasses.Field[Any], value: Any) -> Iterator[str]:
    limits = range_text(each)
    meaning = [each.metadata.get("help", ""), f"[{limits}]" if limits else ""]
    yield f"  {name}={_shown(value)}"
    if any(meaning):
        yield f"      {' '.join(filter(None, meaning))}"


def help_text(
    command: Command[Any],
    groups: Mapping[str, list[str]],
    values: Mapping[str, Any] | None = None,
    components: Mapping[str, tuple[Any, Mapping[str, Any]]] | None = None,
) -> str:
    """What a command does, its config groups, and every option with its value, meaning and range.

    Args:
        command: the command.
        groups: config groups and their choices.
        values: of the options by dotted name; by default those of the schema.
        components: class and options of each chosen component, by its key in the configuration.
    """
    run_defaults = command.root == RUN_CONFIG and values is None
    group = "[group=choice ...] " if groups else ""
    lines = [f"python -m {command.program} {group}[option=value ...]"]
    lines += [f"  {flag:<22} {meaning}" for flag, meaning in FLAGS.items()]
    lines += ["", command.about, ""]
    if groups:
        lines += ["Groups (choices):"]
        lines += [f"  {group} = {' | '.join(choices)}" for group, choices in groups.items()]
        lines += [""]
    lines += [f"Options{' (defaults, before groups apply)' if run_defaults else ''}:"]
    for name, each, default in options(command.schema()):
        lines += _option_lines(name, each, default if values is None else values[name])
    for where, (cls, given) in (components or {}).items():
        if given:
            lines += ["", f"Options of {where}, {cls.__module__}.{cls.__qualname__}:"]
        for each in dataclasses.fields(cls):
            if each.name in given:
                lines += _option_lines(f"{where}.{each.name}", each, given[each.name])
    if run_defaults:
        example = f"python -m {command.program} masking/schedule=cosine --help"
        lines += ["", f"Options of a component, once it is chosen: {example}"]
    return "\n".join(lines)

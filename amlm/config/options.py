"""Options: dataclass fields with a help text and a range, and the range check."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from amlm.util.errors import InputError

NEEDED: Any = "???"  # default of a required option, as OmegaConf spells it


def option(
    default: Any,
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A dataclass field with one line of help and the range that its value must lie in."""
    metadata = {"help": help, "ge": ge, "gt": gt, "le": le, "lt": lt, "choices": choices}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def options(section: Any, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yields ``(dotted name, field, value)`` for every option at and below a section."""
    for each in dataclasses.fields(section):
        value = getattr(section, each.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from options(value, f"{prefix}{each.name}.")
        else:
            yield f"{prefix}{each.name}", each, value


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def range_text(each: dataclasses.Field[Any]) -> str:
    """The range of an option in words, e.g. ``at least 0, below 1``; empty if there is none."""
    meta = each.metadata
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    given = {word: meta[key] for key, word in words.items() if meta.get(key) is not None}
    parts = [f"{word} {_number(limit)}" for word, limit in given.items()]
    if meta.get("choices"):
        parts.append("one of " + ", ".join(meta["choices"]))
    return ", ".join(parts)


def check_ranges(section: Any, prefix: str = "") -> None:
    """Raises InputError for the first option of a dataclass that lies outside its range."""
    for name, each, value in options(section, prefix):
        if value is None or isinstance(value, (bool, dict)):
            continue
        if value == "" != each.default:
            meaning = each.metadata.get("help", "a text")
            raise InputError(f"{name}= is empty: give a value ({meaning}), or leave it out")
        for one in value if isinstance(value, list) else [value]:
            if _outside(one, each.metadata):
                meaning = each.metadata.get("help")
                raise InputError(
                    f"{name}={one} is out of range: it must be "
                    f"{range_text(each) or 'a finite number'}"
                    + (f" ({meaning})" if meaning else "")
                )


def _outside(value: Any, meta: Mapping[str, Any]) -> bool:
    return bool(
        (isinstance(value, float) and not math.isfinite(value))
        or (meta.get("ge") is not None and not value >= meta["ge"])
        or (meta.get("gt") is not None and not value > meta["gt"])
        or (meta.get("le") is not None and not value <= meta["le"])
        or (meta.get("lt") is not None and not value < meta["lt"])
        or (meta.get("choices") and value not in meta["choices"])
    )

"""What the leaderboard's server refuses, or silently scores as 0, found in a submission offline.

Checks of the 2026 server (its ``check_validity.py``, as seen in a snapshot of it): sizes of each
part that is there, types of predictions, GlobalPIQA's ids, lengths of the lists of checkpoints and
groups in each entry, and the model's card. Beyond it, what would cost points without a word:
unknown keys, ages of acquisition without their surprisals, scores that are no fractions.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from amlm.evaluation.rules import Rules
from amlm.evaluation.submission import sizes

NAMED = 3  # problems of one kind of a part that are listed individually
CARD_CHARACTERS = 200
FRONT_MATTER = re.compile(r"\A---\n(?P<fields>.*?)^---\s*$", re.DOTALL | re.MULTILINE)
FAST = "fast_eval_results"
TOO_LONG = "its text is too long for the model"  # why a prediction is NaN


class Kind(NamedTuple):
    """What a value has to be, in words and as a check."""

    name: str
    fits: Callable[[Any], bool]


def _is_number(value: Any, low: float = -math.inf, high: float = math.inf) -> bool:
    is_float = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_float and math.isfinite(value) and low <= value <= high


TEXT = Kind("text", lambda value: isinstance(value, str))
INTEGER = Kind("an integer", lambda value: type(value) is int)
FLOAT = Kind("a finite float", lambda value: type(value) is float and math.isfinite(value))
FRACTION = Kind("a number from 0 to 1", lambda value: _is_number(value, 0, 1))
CORRELATION = Kind("a number from -1 to 1", lambda value: _is_number(value, -1, 1))


def aoa_keys(rules: Rules) -> tuple[str, ...]:
    """The keys of the age of acquisition, the first being that of the surprisals."""
    return ("aoa_surprisals", "aoa") if rules.aoa_by_client else ("aoa",)


def violations(content: Any, rules: Rules, track: str) -> list[str]:
    """Everything that is wrong with the content of a submission file; null parts are not.

    Args:
        content: the JSON value of the file.
        rules: the rules of its year.
        track: a track of `sizes.MILLIONS`.
    """
    if not isinstance(content, dict):
        return ["the file holds no JSON object"]
    full = sizes.SIZES[rules.year]["full"]
    keys = {name: rules.tasks[name].key or name for name in full}
    expected = (*keys.values(), *aoa_keys(rules), "glue", FAST)
    found = [
        f"{key} is missing: a part without results is null"
        for key in expected
        if key not in content
    ]
    for key in content:
        if key not in expected:
            renamed = keys.get(key)
            hint = f": its results count only as {renamed}" if renamed else ""
            found.append(f"{key} is not a key of {rules.year}{hint}")
    for name, required in full.items():
        kind = FLOAT if name == "reading" else TEXT
        keyed = rules.tasks[name].keyed
        found += _predictions(keys[name], content.get(keys[name]), required, kind, keyed)
    found += _ages(content, rules, track)
    glue = content.get("glue")
    if isinstance(glue, dict):
        found += _names("glue", glue, sizes.GLUE)
        for name in glue.keys() & sizes.GLUE.keys():
            inner = {name: glue[name]} if glue[name] is not None else None
            found += _predictions("glue", inner, {name: sizes.GLUE[name]}, INTEGER)
    elif glue is not None:
        found.append("glue is not an object of tasks")
    return [*found, *_fast(content.get(FAST), rules, track)]


def _some(problems: Iterator[str]) -> list[str]:
    listed = list(problems)
    more = [f"... and {len(listed) - NAMED} more like that"] if len(listed) > NAMED else []
    return [*listed[:NAMED], *more]


def _names(part: str, there: Collection[str], required: Collection[str]) -> list[str]:
    """Which names are missing, and which should not be there."""
    lower = {name.lower() for name in there}
    return [
        *_some(f"{part}: {name} is missing" for name in required if name not in lower),
        *_some(f"{part}: {name} is unknown" for name in sorted(lower - set(required))),
    ]


def _predictions(
    part: str, content: Any, required: Mapping[str, int], kind: Kind, keyed: bool = False
) -> list[str]:
    """Problems of predictions, ``{group: {"predictions": [{"id", "pred"}]}}``.

    With ``keyed`` each item is a group of its own.
    """
    if content is None:
        return []
    try:
        groups = {name.lower(): list(each["predictions"]) for name, each in content.items()}
        every = [(name, one["id"], one["pred"]) for name, each in groups.items() for one in each]
    except (AttributeError, KeyError, TypeError):
        return [
            f"{part} is not in the format {{group: {{'predictions': [{{'id', 'pred'}}, ...]}}}}"
        ]
    if keyed:
        (count,) = required.values()
        found = [f"{part} has {len(groups)} ids, not {count}"] if len(groups) != count else []
        wrong = {name: (len(each), 1) for name, each in groups.items() if len(each) != 1}
    else:
        found = _names(part, groups, required)
        wrong = {
            name: (len(each), required[name])
            for name, each in groups.items()
            if name in required and len(each) != required[name]
        }
    found += _some(
        f"{part}: {name} has {there:,} predictions, not {size:,}"
        for name, (there, size) in wrong.items()
    )
    return found + _some(
        f"{part}: the pred of {id} in {name} is not {kind.name}: {pred!r}"
        f"{f' ({TOO_LONG})' if pred != pred else ''}"
        for name, id, pred in every
        if not kind.fits(pred)
    )


def _ages(content: Mapping[str, Any], rules: Rules, track: str) -> list[str]:
    key, *score = aoa_keys(rules)
    surprisals, found = content.get(key), []
    if surprisals is not None:
        try:
            counts = Counter(row["step"] for row in surprisals["results"] if "surprisal" in row)
        except (KeyError, TypeError):
            return [f"{key} is not the content of surprisal.json"]
        steps = [f"chck_{millions}M" for millions in sizes.MILLIONS[track]]
        found = _some(
            f"{key}: {step} has {counts[step]:,} contexts, not {sizes.CONTEXTS:,}"
            for step in steps
            if counts[step] != sizes.CONTEXTS
        ) + _some(
            f"{key}: {step} is no checkpoint of track={track}"
            for step in counts
            if step not in steps
        )
    for name in score:
        value = content.get(name)
        if value is None:
            continue
        if not isinstance(value, dict) or not CORRELATION.fits(value.get("aoa")):
            found.append(f"{name} is not {{'aoa': <{CORRELATION.name}>}}: {value!r:.60}")
        if surprisals is None:
            found.append(f"{name} counts as 0 without {key}")
    return found


def _fast(content: Any, rules: Rules, track: str) -> list[str]:
    if content is None:
        return []
    if not isinstance(content, dict):
        return [f"{FAST} is not an object of lists"]
    required = {
        rules.tasks[name].key or name: (name, groups)
        for name, groups in sizes.SIZES[rules.year]["fast"].items()
    }
    found, longest = _names(FAST, content, required), len(sizes.MILLIONS[track])
    for key in content.keys() & required.keys():
        (name, groups), part, entries = required[key], f"{FAST}: {key}", content[key]
        if entries is None:
            continue
        if not isinstance(entries, list):
            found.append(f"{part} is not a list of checkpoints")
            continue
        if len(entries) > longest:
            found.append(f"{part} has {len(entries)} checkpoints, and track={track} {longest}")
        names = ("spr", "rt") if name == "reading" else groups
        kind = CORRELATION if name == "reading" or name.startswith("wug") else FRACTION
        for number, each in enumerate(entries, start=1):
            if each is not None:
                found += _entry(f"{part}, checkpoint {number}", each, names, kind)
    return found


def _entry(part: str, scores: Any, names: Collection[str], kind: Kind) -> list[str]:
    if not isinstance(scores, dict):
        return [f"{part} is not an object of scores"]
    return [
        *_names(part, scores, names),
        *_some(
            f"{part}: {name} is not {kind.name}: {value!r}"
            for name, value in scores.items()
            if not kind.fits(value)
        ),
    ]


def card_problems(card: str | None) -> list[str]:
    """What the server would refuse about the model's card, the text of its ``README.md``."""
    if card is None:
        return ["the model has no card (README.md)"]
    head = FRONT_MATTER.match(card)
    body = card[head.end() :].strip() if head else card.strip()
    found = []
    if len(body) < CARD_CHARACTERS:
        found.append(f"the model card has {len(body)} characters, and needs {CARD_CHARACTERS}")
    if not head or not re.search(r"^license:[ \t]*\S", head["fields"], re.MULTILINE):
        found.append("the model card states no license")
    return found

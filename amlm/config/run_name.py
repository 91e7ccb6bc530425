"""Names derived from what a run is: for its folder, W&B run and card, and its folder in a sweep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from amlm.config.schema import flat

# Groups that set where or how long a run trains, not what is compared. Options that differ from
# their files are still named, e.g. `-max_steps_3000`.
NOT_NAMED = ("experiment", "scale", "impl", "logger", "data", "data/cleaning", "sweep")
FACTORS = ("masking/signal", "masking/schedule", "masking/unit", "model/nhot")
# Options that are compared between runs; the others are intervals, paths and hardware.
COMPARED = re.compile(
    r"masking\.|model\.|optimizer\.|tokenizer\.vocab_size|trainer\.(max_steps|overfit)"
    r"|data\.(words|shares|sequence_length|tokens_per_step|epochs|seed|cleaning)"
)
# Those that runs mostly have in common: at the end of a name that is cut.
SIZES = re.compile(r"data\.|tokenizer\.|model\.")
# Options that do not distinguish the runs of a sweep.
NOT_IN_KEY = re.compile(r"run_dir|sweep|paths\.|logger|trainer\.threads|hydra|objective|components")
LONGEST = 100  # characters of a name; a folder's name may have 255 bytes
CUT = re.compile(rf".{{{LONGEST - 9}}}(-[0-9a-f]{{8}})")  # a name that was cut, and its digest


def grid_name(choices: Mapping[str, str]) -> str:
    """The name of a signal, schedule, unit and n-hot fusion: ``hard``, ``mlm_decay``, ``word``,
    ``hard_decay_word``, ``soft_nhot``."""
    signal, schedule, unit, nhot = (choices[group] for group in FACTORS)
    plain = {"uniform": "mlm"} if unit == "token" or schedule != "constant" else {"uniform": ""}
    parts = [
        plain.get(signal, signal),
        {"constant": "", "linear": "decay"}.get(schedule, schedule),
        {"token": ""}.get(unit, unit),
        {"none": "", "add": "nhot"}.get(nhot, f"nhot_{nhot}"),
    ]
    return "_".join(part for part in parts if part)


def run_name(
    experiment: str | None,
    choices: Mapping[str, str],
    usual: Mapping[str, str],
    departures: Mapping[str, Any],
) -> str:
    """The name of a run.

    Args:
        experiment: the choice of ``experiment=``.
        choices: by config group.
        usual: the choices of the experiment's file alone.
        departures: options whose values differ from what the choices give.

    Returns: e.g. ``hard_decay``, ``hard_decay-adamw-lr_0.001``, ``paper_parity-soft``,
        ``hard_decay-debug_fast``.
    """
    changed = [
        group
        for group, choice in choices.items()
        if group not in NOT_NAMED and choice != usual.get(group)
    ]
    if experiment is None or experiment == grid_name(usual):
        base = grid_name(choices)
        changed = [group for group in changed if group not in FACTORS]
    else:
        base = experiment
    parts = [base]
    parts += [f"{'debug_' if group == 'debug' else ''}{choices[group]}" for group in changed]

    def joined(keys: Iterable[str]) -> str:
        ends = [f"{key.rpartition('.')[2]}_{_shown(departures[key])}" for key in keys]
        return "-".join(_clean(part) for part in parts + ends)

    if len(name := joined(departures)) <= LONGEST:
        return name
    return shortened(joined(sorted(departures, key=lambda key: bool(SIZES.match(key)))))


def departures(config: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are compared between runs and differ from a reference."""
    ours, theirs = flat(config), flat(reference)
    return {
        key: value
        for key, value in ours.items()
        if COMPARED.match(key) and value != theirs.get(key)
    }


def sweep_key(
    overrides: Iterable[str], experiment: str | None, seed: int, swept: Collection[str] = ()
) -> str:
    """The folder of a run in a sweep: its overrides in canonical order, experiment and seed first
    (overridden or not), so that an extended sweep finds its finished runs.

    Args:
        swept: keys with several values in the sweep. Where a name is too long, they come first. Its
            digest does not depend on them, see `CUT`.
    """
    given = dict(text.lstrip("+~").partition("=")[::2] for text in overrides)
    given |= {"experiment": str(experiment), "seed": str(seed)}
    order = ["experiment", "seed", *sorted(given.keys() - {"experiment", "seed"})]
    # Official result folders are named by what stands before the last dot of a model's folder.
    parts = {
        key: f"{key}={given[key]}".replace(".", "_") for key in order if not NOT_IN_KEY.match(key)
    }
    text = ",".join(parts.values())
    name = ",".join(map(_clean, parts.values()))
    if name == text and len(name) <= LONGEST:
        return name
    if len(name) > LONGEST - 9:  # it loses its end
        name = ",".join(_clean(parts[key]) for key in sorted(parts, key=lambda k: k not in swept))
    return shortened(name, distinct=text)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).rpartition(".")[2]


def _clean(text: str) -> str:
    # Valid on every file system, and unquoted in a shell and in Hydra.
    return re.sub(r"[^\w.=+-]+", "_", text).strip("_.")


def shortened(name: str, longest: int = LONGEST, distinct: str | None = None) -> str:
    """At most `longest` characters; a digest keeps cleaned and truncated names distinct."""
    if len(name) <= longest and distinct is None:
        return name
    digest = hashlib.blake2b((distinct or name).encode(), digest_size=4).hexdigest()
    return f"{name[: longest - 9]}-{digest}"

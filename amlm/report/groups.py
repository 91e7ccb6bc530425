"""Groups of runs: which runs are of one group, and in what groups are not alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from amlm.config.run_schema import is_science
from amlm.report.runs import RunResult
from amlm.util.errors import InputError

# Options of a run that decide what it trains, but are of one group all the same.
OF_ONE_GROUP = re.compile(
    r"(seed|data\.seed|trainer\.accumulate)$|(callbacks|evaluation|checkpoints)\b"
)
# Options in which groups are meant to differ: their names say so.
COMPARED = re.compile(r"(masking\.(unit|signal|schedule|control)|model\.nhot)\b")
TOLERANCE = 0.01  # relative difference of ratio or words from the baseline that is pointed out


def grouped(runs: Sequence[RunResult]) -> dict[str, dict[int, RunResult]]:
    """Runs by group and seed.

    A group's name is that of its signal, schedule and n-hot fusion, e.g. ``hard_decay``, with the
    options in which runs of that name differ, e.g. ``hard_decay-smoothing_0.5``.

    Raises:
        InputError: a group has two runs of one seed.
    """
    by_name: dict[str, list[RunResult]] = {}
    for run in runs:
        by_name.setdefault(run.group.partition("-")[0], []).append(run)
    groups: dict[str, dict[int, RunResult]] = {}
    for name, alike in by_name.items():
        different = sorted(
            {key for one, other in pairwise(alike) for key in _differing(one, other)}
        )
        for run in alike:
            parts = [f"{key.rpartition('.')[2]}_{run.options.get(key)}" for key in different]
            seeds = groups.setdefault("-".join([name, *parts]), {})
            if run.seed in seeds:
                raise InputError(
                    f"{name} has two runs of seed {run.seed}: {seeds[run.seed].run} and {run.run}."
                    " Give runs= patterns that match one of them"
                )
            seeds[run.seed] = run
    return groups


def _differing(one: RunResult, other: RunResult) -> list[str]:
    ours, theirs = one.options, other.options
    return [
        key
        for key in sorted(ours.keys() | theirs.keys())
        if is_science(key) and not OF_ONE_GROUP.match(key) and ours.get(key) != theirs.get(key)
    ]


def unequal(
    groups: Mapping[str, Mapping[int, RunResult]], pairs: Sequence[tuple[str, str]]
) -> list[str]:
    """What a reader of a comparison must know first, e.g. that groups saw unequal amounts of text.

    Args:
        groups: runs by group and seed.
        pairs: a group and its baseline.
    """
    named = dict.fromkeys(each for group, base in pairs for each in (base, group))
    notes = [
        f"{group} has one seed: no interval can be given, and no difference from it tested."
        for group in named
        if len(groups[group]) == 1
    ]
    if two := [group for group in named if len(groups[group]) == 2]:
        notes.append(
            f"{', '.join(two)}: an interval over two seeds (Student's t) reaches 9.0 SD to each "
            "side, at times beyond 0 or 100 %; over three, 2.5 SD."
        )
    for group, base in pairs:
        ours, theirs = groups[group], groups[base]
        for what, field, form in (
            ("words seen", "words_seen", ",.0f"),
            ("mask ratio", "ratio", ".4f"),
        ):
            mine, other = (
                float(np.mean([getattr(run, field) for run in runs.values()]))
                for runs in (ours, theirs)
            )
            if abs(mine - other) > TOLERANCE * other:
                notes.append(f"Unequal: {group} has {what} {mine:{form}}, {base} {other:{form}}.")
        common = len(ours.keys() & theirs.keys())
        if common < 2 and min(len(ours), len(theirs)) > 1:
            notes.append(f"{group} and {base} share no two seeds: the comparison is not paired.")
        elif common < max(len(ours), len(theirs)) and common > 1:
            notes.append(
                f"{group} and {base} share {common} seeds; differences are of these alone."
            )
        different = [
            key
            for key in _differing(next(iter(ours.values())), next(iter(theirs.values())))
            if not COMPARED.match(key)
        ]
        if different:
            notes.append(f"Unequal: {group} and {base} differ in {', '.join(different)}.")
    return notes

"""Compares groups of runs with a baseline: for every metric, means over seeds and differences.

Shapes: S seeds, I items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from amlm.config.run_schema import is_science
from amlm.report.runs import RunResult
from amlm.report.statistics import (
    Difference,
    Estimate,
    Floats,
    estimate,
    holm,
    item_difference,
    paired_difference,
    unpaired_difference,
)
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# Options of a run that decide what it trains, but are of one group all the same.
OF_ONE_GROUP = re.compile(
    r"(seed|data\.seed|trainer\.accumulate)$|(callbacks|evaluation|checkpoints)\b"
)
# Options in which groups are meant to differ.
COMPARED = re.compile(r"(masking|model)\.")
OF_CLASS = "accuracy/"  # begins a metric of one class of tokens
TOLERANCE = 0.01  # relative difference of ratio or words from the baseline that is pointed out


@dataclass(frozen=True)
class Row:
    """One group in the table of a metric.

    Attributes:
        group: its name.
        value: mean over seeds.
        difference: from the baseline; None for the baseline and the untrained control.
        p: p-value of the difference, corrected for all comparisons (Holm).
        ratio, words_seen: means over runs; None for the untrained control.
    """

    group: str
    value: Estimate
    difference: Difference | None
    p: float | None
    ratio: float | None
    words_seen: float | None


@dataclass(frozen=True)
class Table:
    """All groups for one metric; the baseline first, the untrained control last."""

    metric: str
    rows: list[Row]


@dataclass(frozen=True)
class Comparison:
    """Attributes: tables, one per metric; comparisons: number of tests that Holm's correction
    counts; notes: what a reader must know first, e.g. that groups saw different amounts of text."""

    baseline: str
    tables: list[Table]
    comparisons: int
    notes: list[str]


def compare(runs: Sequence[RunResult], baseline: str, metrics: Sequence[str] = ()) -> Comparison:
    """Compares every other group with the baseline.

    Runs are paired by seed where both groups have two seeds or more in common; else the groups are
    compared by Welch's test. Where outcomes of items are known for all pairs, the interval holds
    for other items as well.

    Args:
        runs: one run per group and seed.
        baseline: a group.
        metrics: names of metrics; default: all that the baseline and another group have.

    Raises:
        InputError: an unknown group or metric, or two runs of one group and seed.
    """
    groups = grouped(runs)
    if baseline not in groups:
        raise InputError(
            f"baseline={baseline} is not among the runs{nearest(baseline, groups)}: they are of "
            + ", ".join(groups)
        )
    order = [baseline, *sorted(groups.keys() - {baseline})]
    names = list(metrics) or _shared_metrics(groups, baseline)
    tables = [_table(name, groups, order) for name in names]
    tests = [(i, j) for i, table in enumerate(tables) for j in range(1, len(table.rows))]
    raw = [d.p if (d := tables[i].rows[j].difference) else None for i, j in tests]
    for (i, j), p in zip(tests, holm(raw), strict=True):
        tables[i].rows[j] = replace(tables[i].rows[j], p=p)
    known = untrained(runs)
    for table in tables:
        if control := known.get(table.metric):
            table.rows.append(Row("untrained", control, None, None, None, None))
    count = sum(p is not None for p in raw)
    return Comparison(baseline, tables, count, _notes(groups, order))


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


def _shared_metrics(groups: Mapping[str, Mapping[int, RunResult]], baseline: str) -> list[str]:
    def known(group: str) -> list[str]:
        runs = list(groups[group].values())
        # Accuracies of classes of tokens are many, and only those asked for count as comparisons.
        names = (name for name in runs[0].metrics if not name.startswith(OF_CLASS))
        return [name for name in names if all(name in run.metrics for run in runs)]

    others = {name for group in groups if group != baseline for name in known(group)}
    return [name for name in known(baseline) if name in others or len(groups) == 1]


def _table(
    metric: str, groups: Mapping[str, Mapping[int, RunResult]], order: Sequence[str]
) -> Table:
    rows = []
    theirs = groups[order[0]]
    for group in order:
        ours = groups[group]
        lacking = [run.run for run in ours.values() if metric not in run.metrics]
        if lacking:
            if group == order[0]:
                known = sorted({name for run in ours.values() for name in run.metrics})
                raise InputError(
                    f"metrics={metric}: {lacking[0]} has no such metric{nearest(metric, known)}. "
                    f"It has {', '.join(known)}"
                )
            continue
        value = estimate([run.metrics[metric] for run in ours.values()])
        difference = None if group == order[0] else _difference(metric, ours, theirs)
        ratio = float(np.mean([run.ratio for run in ours.values()]))
        words = float(np.mean([run.words_seen for run in ours.values()]))
        rows.append(Row(group, value, difference, None, ratio, words))
    return Table(metric, rows)


def _difference(
    metric: str, ours: Mapping[int, RunResult], theirs: Mapping[int, RunResult]
) -> Difference:
    def values(runs: Mapping[int, RunResult], seeds: Sequence[int]) -> Floats:
        return np.array([runs[seed].metrics[metric] for seed in seeds])

    common = sorted(ours.keys() & theirs.keys())
    if len(common) < 2:
        return unpaired_difference(values(ours, list(ours)), values(theirs, list(theirs)))
    hits = [(ours[s].hits.get(metric), theirs[s].hits.get(metric)) for s in common]
    sizes = {
        tuple((name, len(each)) for name, each in one.items())
        for pair in hits
        for one in pair
        if one is not None
    }
    if len(sizes) != 1 or any(one is None for pair in hits for one in pair):
        return paired_difference(values(ours, common) - values(theirs, common))
    ((*groups,),) = sizes
    outcome_SI = np.array([_outcomes(mine) - _outcomes(other) for mine, other in hits])
    return item_difference(100 * outcome_SI, [name for name, size in groups for _ in range(size)])


def _outcomes(hits: Mapping[str, str] | None) -> Floats:
    assert hits is not None
    digits = np.frombuffer("".join(hits.values()).encode(), dtype=np.uint8)
    return digits.astype(np.float64) - ord("0")


def untrained(runs: Sequence[RunResult]) -> dict[str, Estimate]:
    """Metrics of models with random weights, one per seed: runs of one seed mostly start alike."""
    found: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        for metric, value in run.untrained.items():
            found.setdefault(metric, {}).setdefault(run.seed, []).append(value)
    return {
        metric: estimate([float(np.mean(values)) for values in by_seed.values()])
        for metric, by_seed in found.items()
    }


def _notes(groups: Mapping[str, Mapping[int, RunResult]], order: Sequence[str]) -> list[str]:
    notes = []
    first = groups[order[0]]
    for group in order:
        if len(groups[group]) == 1:
            notes.append(
                f"{group} has one seed: no interval can be given, and no difference from it tested."
            )
    for group in order[1:]:
        ours = groups[group]
        for what, field, form in (
            ("words seen", "words_seen", ",.0f"),
            ("mask ratio", "ratio", ".4f"),
        ):
            mine, base = (
                float(np.mean([getattr(run, field) for run in runs.values()]))
                for runs in (ours, first)
            )
            if abs(mine - base) > TOLERANCE * base:
                notes.append(
                    f"Unequal: {group} has {what} {mine:{form}}, {order[0]} {base:{form}}."
                )
        common = len(ours.keys() & first.keys())
        if common < 2 and min(len(ours), len(first)) > 1:
            notes.append(
                f"{group} and {order[0]} share no two seeds: the comparison is not paired."
            )
        elif common < max(len(ours), len(first)) and common > 1:
            notes.append(
                f"{group} and {order[0]} share {common} seeds; differences are of these alone."
            )
        one, other = next(iter(ours.values())), next(iter(first.values()))
        different = [key for key in _differing(one, other) if not COMPARED.match(key)]
        if different:
            notes.append(f"Unequal: {group} and {order[0]} differ in {', '.join(different)}.")
    return notes

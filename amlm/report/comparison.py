"""Compares groups of runs with baselines: for every metric, means over seeds and differences.

Shapes: S seeds, I items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from amlm.report.groups import grouped, unequal
from amlm.report.runs import RunResult, is_correlation
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

OF_CLASS = "accuracy/"  # begins a metric of one class of tokens


@dataclass(frozen=True)
class Row:
    """One group in the table of a metric.

    Attributes:
        group: its name.
        baseline: the group that it is compared with; None if it is compared with none.
        value: mean over seeds.
        difference: from the baseline.
        p: p-value of the difference, corrected for all comparisons (Holm).
        ratio, words_seen: means over runs; None for the untrained control.
    """

    group: str
    baseline: str | None
    value: Estimate
    difference: Difference | None
    p: float | None
    ratio: float | None
    words_seen: float | None


@dataclass(frozen=True)
class Table:
    """All groups for one metric: baselines first, the untrained control last."""

    metric: str
    rows: list[Row]


@dataclass(frozen=True)
class Comparison:
    """Attributes: baselines, without repetition; tables, one per metric; comparisons: number of
    tests that Holm's correction counts; notes: what a reader must know first, e.g. that groups saw
    different amounts of text."""

    baselines: list[str]
    tables: list[Table]
    comparisons: int
    notes: list[str]


def compare(
    runs: Sequence[RunResult], baseline: str | Sequence[str], metrics: Sequence[str] = ()
) -> Comparison:
    """Compares groups with baselines.

    Runs are paired by seed where both groups have two seeds or more in common; else the groups are
    compared by Welch's test. Where outcomes of items are known for all pairs, the interval holds
    for other items as well.

    Args:
        runs: one run per group and seed.
        baseline: the group that all others are compared with, or pairs ``group:baseline``.
        metrics: names of metrics; default: all that both groups of a pair have, on as many items.

    Raises:
        InputError: an unknown group or metric, or two runs of one group and seed.
    """
    groups = grouped(runs)
    pairs = _pairs(groups, baseline)
    baselines = list(dict.fromkeys(base for _, base in pairs)) or [str(baseline)]
    names, left_out = _metrics(list(dict.fromkeys(metrics)), groups, pairs, baselines)
    tables = [_table(name, groups, pairs, baselines) for name in names]
    tests = [(table, j) for table in tables for j, row in enumerate(table.rows) if row.difference]
    raw = [d.p if (d := table.rows[j].difference) else None for table, j in tests]
    for (table, j), p in zip(tests, holm(raw), strict=True):
        table.rows[j] = replace(table.rows[j], p=p)
    known = untrained(runs)
    for table in tables:
        if control := known.get(table.metric):
            table.rows.append(Row("untrained", None, control, None, None, None, None))
    count = sum(p is not None for p in raw)
    return Comparison(baselines, tables, count, [*left_out, *unequal(groups, pairs)])


def _pairs(groups: Mapping[str, object], baseline: str | Sequence[str]) -> list[tuple[str, str]]:
    def known(group: str, given: str) -> str:
        if group in groups:
            return group
        raise InputError(
            f"{given}: {group} is not among the runs{nearest(group, groups)}: they are of "
            + ", ".join(groups)
        )

    if isinstance(baseline, str):
        base = known(baseline, f"baseline={baseline}")
        return [(group, base) for group in sorted(groups.keys() - {base})]
    pairs = []
    for each in baseline:
        group, colon, base = each.partition(":")
        if not colon:
            raise InputError(f"pairs={each} is no pair: write <group>:<baseline>")
        pairs.append((known(group, f"pairs={each}"), known(base, f"pairs={each}")))
    return list(dict.fromkeys(pairs))


def _why_not(metric: str, runs: Iterable[RunResult]) -> str | None:
    """Why runs cannot be compared in a metric, to be added to its name; None if they can."""
    sizes: dict[int, str] = {}
    for run in runs:
        if metric not in run.metrics:
            return f"which {run.run} lacks"
        if metric in run.items and not is_correlation(metric):
            sizes.setdefault(run.items[metric], run.run)
    if len(sizes) < 2:
        return None
    return "of which " + ", ".join(f"{run} has {size:,} items" for size, run in sizes.items())


def _metrics(
    asked: Sequence[str],
    groups: Mapping[str, Mapping[int, RunResult]],
    pairs: Sequence[tuple[str, str]],
    baselines: Sequence[str],
) -> tuple[list[str], list[str]]:
    """The metrics that get a table, and notes on the groups that are left out of one.

    Raises:
        InputError: a baseline lacks a metric that is asked for.
    """
    known = dict.fromkeys(
        name
        for group in dict.fromkeys([*baselines, *(group for group, _ in pairs)])
        for run in groups[group].values()
        for name in run.metrics
    )
    for metric in asked:
        for run in (run for base in baselines for run in groups[base].values()):
            if metric not in run.metrics:
                named = {
                    f"{OF_CLASS}<class>" if name.startswith(OF_CLASS) else name
                    for name in run.metrics
                }
                raise InputError(
                    f"metrics={metric}: {run.run} has no such metric"
                    f"{nearest(metric, run.metrics)}. It has {', '.join(sorted(named))}"
                )
    # Accuracies of classes of tokens are many, and only those asked for count as comparisons.
    names = asked or [name for name in known if not name.startswith(OF_CLASS)]
    left_out: dict[tuple[str, str], list[str]] = {}
    compared = set() if pairs else set(names)
    for group, base in pairs:
        for name in names:
            reason = _why_not(name, [*groups[base].values(), *groups[group].values()])
            if reason:
                left_out.setdefault((group, reason), []).append(name)
            else:
                compared.add(name)
    notes = [
        f"{group} is not compared in {', '.join(metrics)}, {reason}."
        for (group, reason), metrics in left_out.items()
    ]
    return [name for name in names if asked or name in compared], notes


def _table(
    metric: str,
    groups: Mapping[str, Mapping[int, RunResult]],
    pairs: Sequence[tuple[str, str]],
    baselines: Sequence[str],
) -> Table:
    def known(*names: str) -> bool:
        return _why_not(metric, [run for name in names for run in groups[name].values()]) is None

    def row(group: str, base: str | None) -> Row:
        ours = groups[group]
        return Row(
            group,
            base,
            value=estimate([run.metrics[metric] for run in ours.values()]),
            difference=_difference(metric, ours, groups[base]) if base else None,
            p=None,
            ratio=float(np.mean([run.ratio for run in ours.values()])),
            words_seen=float(np.mean([run.words_seen for run in ours.values()])),
        )

    compared = {group for group, _ in pairs}
    alone = [row(base, None) for base in baselines if base not in compared and known(base)]
    rows = [row(group, base) for group, base in pairs if known(group, base)]
    return Table(metric, [*alone, *rows])


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

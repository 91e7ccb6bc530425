"""The tables and figures of the findings, from the runs of the study or from what is kept of them.

python notebooks/study/findings.py outputs/multirun/study run_mlm.json   # keeps runs.json first
python notebooks/study/findings.py                                       # from the kept runs.json
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.figure import Figure

from amlm.report.comparison import Comparison, compare
from amlm.report.comparison_text import as_markdown, markdown_tables
from amlm.report.difference_plot import write_differences
from amlm.report.groups import grouped
from amlm.report.plots import PALETTE, STYLE, save
from amlm.report.runs import RunResult, load_runs, read_runs, write_runs
from amlm.util.files import write_aside

FOLDER = Path(__file__).parent
RUNS = FOLDER / "runs.json"
SEEDS = range(6)

MEASURES = ("accuracy", "accuracy_over_bins")  # the primary ones
TASKS = ("blimp", "supplement", "entity_tracking", "wug_adj", "sample")
SPEECH = ("noun", "verb", "adjective", "adverb", "determiner", "preposition", "pronoun")
# The mean over frequency bins in two parts: the two most frequent bins, and all others.
PARTS = ("accuracy_over_top_bins", "accuracy_over_rarer_bins")
TOP = 2
PRIMARY = ("hard_decay:mlm_decay", "soft_decay:hard_decay", "hard_decay_nhot:hard_decay")
SECONDARY = (
    *("mlm_decay:mlm", "hard_decay:hard"),
    *("word_then_token:mlm", "hard_decay_word_then_token:hard_decay"),
    "hard_decay_nhot_gate:hard_decay_nhot",
    *("shuffled:hard_decay", "frozen:hard_decay"),
    *("run_mlm:mlm", "run_mlm_lr_0.001:mlm"),
)
ADDED = ("shuffled:mlm_decay", "frozen:mlm_decay")
DESCRIBED = "Described only: the design decides nothing by these numbers."
POST_HOC = "Not in the design: looked at after the primary result."
# Pairs of groups, metrics and what to know first, by the name of the file. Each has its own
# correction.
COMPARISONS: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    "primary": (PRIMARY, MEASURES, "The questions that the design decides."),
    "secondary": (SECONDARY, MEASURES, DESCRIBED),
    "other_measures": ((*PRIMARY, *SECONDARY), ("loss", "accuracy_over_types", *TASKS), DESCRIBED),
    "parts_of_speech": (PRIMARY, tuple(f"accuracy/{each}" for each in SPEECH), DESCRIBED),
    "post_hoc": ((*PRIMARY, *ADDED), (*PARTS, *MEASURES), POST_HOC),
}
BIN = re.compile(r"accuracy/(\d+)-\d+")


def keep(patterns: list[str]) -> None:
    """Writes the results of runs to `RUNS`, without the names of their folders.

    The group of `frozen` has the path of its table in its name.
    """
    runs, skipped = read_runs(patterns)
    for each in skipped:
        print(each)
    groups = [run.group.partition("-path_")[0] for run in runs]
    named = [
        replace(run, run=f"{group}-{run.seed}", group=group)
        for run, group in zip(runs, groups, strict=True)
    ]
    grouped(named)  # refuses two runs of one group and seed
    write_runs(RUNS, sorted(named, key=lambda run: (run.group, run.seed)))


def bins(metrics: Mapping[str, float]) -> dict[str, float]:
    """Accuracies by bin of training frequency, the rarest first."""
    found = {each: float(each[1]) for name in metrics if (each := BIN.fullmatch(name))}
    return {each[0]: metrics[each[0]] for each in sorted(found, key=lambda each: found[each])}


def with_parts(run: RunResult) -> RunResult:
    """Adds `PARTS`."""
    values = list(bins(run.metrics).values())
    parts = dict(zip(PARTS, (fmean(values[-TOP:]), fmean(values[:-TOP])), strict=True))
    return replace(run, metrics=run.metrics | parts)


def write(folder: Path) -> None:
    """Writes the comparisons of the kept results.

    Nothing is tested before all seeds of the arms of the primary questions are there. Other arms
    may lack seeds, which the tables show, or all runs, which a line above them says.
    """
    runs = [with_parts(run) for run in load_runs(RUNS)]
    known = grouped(runs)
    for arm in dict.fromkeys(arm for pair in PRIMARY for arm in pair.split(":")):
        if missing := {*SEEDS} - known.get(arm, {}).keys():
            sys.exit(f"nothing is tested yet: {arm} lacks seeds {sorted(missing)}")
    for name, (pairs, metrics, about) in COMPARISONS.items():
        there = [pair for pair in pairs if all(group in known for group in pair.split(":"))]
        found = compare(runs, there, metrics)
        lines = [about, ""]
        if lacking := [pair for pair in pairs if pair not in there]:
            lines += [f"Without runs: {', '.join(lacking)}.", ""]
        tables = as_markdown(found) if name == "primary" else markdown_tables(found)
        write_aside(folder / f"{name}.md", "\n".join([*lines, tables]))
        if name == "primary":
            write_differences(found, folder, name)
        print(f"{name}: {len(there)} of {len(pairs)} pairs, {found.comparisons} comparisons")
    by_bin = compare(runs, PRIMARY, list(bins(runs[0].metrics)))
    with mpl.rc_context(STYLE):
        save(frequency_figure(by_bin), folder, "frequency_bins")


def frequency_figure(found: Comparison) -> Figure:
    """The difference of each pair by bin of training frequency, with intervals."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="black", linewidth=0.6)
    for i, pair in enumerate(PRIMARY):
        group, base = pair.split(":")
        rows = [
            next(row for row in table.rows if (row.group, row.baseline) == (group, base))
            for table in found.tables
        ]
        xs = [x + 0.2 * (i - 1) for x in range(len(rows))]
        means = [row.difference.mean if row.difference else 0.0 for row in rows]
        halves = [
            d.high - d.mean if (d := row.difference) and d.high is not None else 0.0 for row in rows
        ]
        axes.errorbar(
            xs,
            means,
            yerr=halves,
            fmt="osD"[i],
            color=PALETTE[i],
            markersize=3,
            linewidth=1,
            label=f"{group} \N{MINUS SIGN} {base}",
        )
    names = [table.metric.partition("/")[2].partition("-")[0] for table in found.tables]
    axes.set_xticks(range(len(names)), [f"{int(name):,}" for name in names], rotation=45)
    axes.set_xlabel("times in the training text, at least (each bin twice as wide as the last)")
    axes.set_ylabel("accuracy (points)")
    axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    if sys.argv[1:]:
        keep(sys.argv[1:])
    write(FOLDER)

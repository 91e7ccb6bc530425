"""The tables and figures of the findings, from the runs of the study or from what is kept of them.

python notebooks/study/findings.py outputs/multirun/study run_mlm.json   # keeps runs.json first
python notebooks/study/findings.py                                       # from the kept runs.json
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from amlm.report.comparison import compare
from amlm.report.comparison_text import as_markdown
from amlm.report.difference_plot import write_differences
from amlm.report.groups import grouped
from amlm.report.runs import load_runs, read_runs, write_runs
from amlm.util.files import write_aside

FOLDER = Path(__file__).parent
RUNS = FOLDER / "runs.json"

MEASURES = ("accuracy", "accuracy_over_bins")  # the primary ones
TASKS = ("blimp", "supplement", "entity_tracking", "wug_adj", "sample")
SPEECH = ("noun", "verb", "adjective", "adverb", "determiner", "preposition", "pronoun")
PRIMARY = ("hard_decay:mlm_decay", "soft_decay:hard_decay", "hard_decay_nhot:hard_decay")
SECONDARY = (
    *("mlm_decay:mlm", "hard_decay:hard"),
    *("word_then_token:mlm", "hard_decay_word_then_token:hard_decay"),
    "hard_decay_nhot_gate:hard_decay_nhot",
    *("shuffled:hard_decay", "frozen:hard_decay"),
    *("run_mlm-lr_5e-05:mlm", "run_mlm-lr_0.001:mlm"),
)
# Pairs of groups and metrics, by the name of the files. Each has a correction of its own.
COMPARISONS = {
    "primary": (PRIMARY, MEASURES),
    "secondary": (SECONDARY, MEASURES),
    "other_measures": ((*PRIMARY, *SECONDARY), ("loss", "accuracy_over_types", *TASKS)),
    "parts_of_speech": (PRIMARY, tuple(f"accuracy/{each}" for each in SPEECH)),
}


def keep(patterns: list[str]) -> None:
    """Writes the results of runs to `RUNS`, without the names of their folders."""
    runs, skipped = read_runs(patterns)
    for each in skipped:
        print(each)
    named = [replace(run, run=f"{run.group}-{run.seed}") for run in runs]
    write_runs(RUNS, sorted(named, key=lambda run: (run.group, run.seed)))


def write(folder: Path) -> None:
    """Writes the comparisons of the kept results; groups without runs are left out."""
    runs = load_runs(RUNS)
    known = grouped(runs)
    for name, (pairs, metrics) in COMPARISONS.items():
        there = [pair for pair in pairs if all(group in known for group in pair.split(":"))]
        found = compare(runs, there, metrics)
        write_aside(folder / f"{name}.md", as_markdown(found))
        write_differences(found, folder, name)
        print(f"{name}: {len(there)} of {len(pairs)} pairs, {found.comparisons} comparisons")


if __name__ == "__main__":
    if sys.argv[1:]:
        keep(sys.argv[1:])
    write(FOLDER)

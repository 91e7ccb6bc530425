"""Compares runs over seeds: ``python -m amlm.compare runs=<glob> baseline=<group>``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.options import NEEDED, option
from amlm.util.errors import InputError
from amlm.util.optional import optional
from amlm.util.terminal import say

if TYPE_CHECKING:
    from amlm.report.comparison import Comparison

ABOUT = """Compares groups of runs with baselines: means, intervals over seeds, differences paired
by seed and item, corrected for many comparisons, and a sentence per claim. Runs are of one group if
they make the same choices (their name, e.g. hard_decay).
  runs=outputs/multirun/study baseline=mlm_decay
  runs='outputs/*' baseline=mlm_decay results=[scores] out=comparison
  runs=outputs/multirun/study pairs=[hard_decay:mlm_decay,soft_decay:hard_decay]"""


@dataclass
class CompareOptions:
    runs: list[str] = option(
        NEEDED,
        "folders of runs, folders above them, glob patterns, or a runs.json that out= wrote",
    )
    baseline: str | None = option(
        None, "the group that all others are compared with, e.g. mlm_decay"
    )
    pairs: list[str] = option(
        [], "instead of baseline: the groups to compare, each with its baseline, <group>:<baseline>"
    )
    results: list[str] = option(
        [], "folders with results of amlm.evaluate model=<run>; those in run folders are found"
    )
    metrics: list[str] = option(
        [],
        "metrics to compare, e.g. accuracy_over_bins, accuracy/noun; default: all that the runs "
        "share, but those of classes of tokens",
    )
    out: str | None = option(
        None,
        "folder for comparison.txt, .md, .tex, .csv, .svg, .png and runs.json; null writes none",
    )
    wandb: str | None = option(None, "W&B project to log the tables to; null logs none")


def compare_runs(options: CompareOptions) -> Comparison:
    """Compares runs, prints the result, and writes it as asked.

    Raises:
        InputError: no runs, an unknown group or metric, or runs that cannot be compared.
    """
    from amlm.report import comparison_text as text
    from amlm.report.comparison import compare
    from amlm.report.groups import grouped
    from amlm.report.runs import read_runs, write_runs
    from amlm.util.files import check_folder, write_aside

    check_folder("out", options.out)
    runs, skipped = read_runs(options.runs, options.results)
    if (options.baseline is None) == (not options.pairs):
        raise InputError(
            "one of baseline=<group> and pairs=[<group>:<baseline>,...] is required, and not both; "
            f"the groups are {', '.join(grouped(runs))}"
        )
    found = compare(runs, options.baseline or options.pairs, options.metrics)
    found.notes.extend(skipped)
    say(text.as_text(found))
    if options.out:
        folder = Path(options.out).expanduser()
        for ending, write in (
            ("txt", text.as_text),
            ("md", text.as_markdown),
            ("tex", text.as_latex),
            ("csv", text.as_csv),
        ):
            write_aside(folder / f"comparison.{ending}", write(found))
        _write_figure(found, folder)
        write_runs(folder / "runs.json", runs)
        say(f"\nwritten to {folder}")
    if options.wandb:
        from amlm.report.comparison_wandb import log_tables

        log_tables(found, options.wandb)
    return found


def _write_figure(found: Comparison, folder: Path) -> None:
    try:
        optional("matplotlib", "a figure", "report")
    except InputError as missing:
        say(f"not drawn: {missing}")
        return
    from amlm.report.difference_plot import write_differences

    write_differences(found, folder, "comparison")


COMMAND = Command("amlm.compare", ABOUT, CompareOptions, compare_runs)


if __name__ == "__main__":
    run(COMMAND, sys.argv[1:])

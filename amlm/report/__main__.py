"""Writes a report of runs: ``python -m amlm.report runs=<glob> out=<folder>``, or in W&B:
``python -m amlm.report wandb=<entity>/<project>``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.options import option
from amlm.tokenizers.parts_of_speech import TAGGERS
from amlm.util.errors import InputError
from amlm.util.files import check_folder, write_aside
from amlm.util.optional import optional
from amlm.util.terminal import say

ABOUT = """Shows how masking drifted in runs, finished or not: one HTML page that opens from disk,
figures (SVG, PNG) and tables (CSV, LaTeX). Runs that differ in their seed alone are averaged.
With wandb=, saves a dashboard of the same in a W&B project, for the runs there.
  runs=outputs/hard_decay out=report
  runs='outputs/multirun/*' results=[scores] out=report
  wandb=my-team/amlm"""


@dataclass
class ReportOptions:
    runs: list[str] | None = option(
        None, "folders of runs, folders above them, or glob patterns; null: write no page"
    )
    out: str | None = option(None, "folder for report.html, figures/ and tables/")
    results: list[str] = option(
        [], "folders with results of amlm.evaluate model=<run>; those in run folders are found"
    )
    sentences: list[str] = option(
        [], "sentences for the sentence viewer, before those of the held-out text"
    )
    wandb: str | None = option(
        None, "W&B project, as <entity>/<project>, to save a dashboard in; null: none"
    )
    tagger: str = option(
        "lexicon",
        "what tells parts of speech: the built-in word list, or HanTa (pip install 'amlm[pos]')",
        choices=TAGGERS,
    )


def check_report(options: ReportOptions, in_sweep: bool = False) -> None:
    """Raises InputError if there is nothing to write, or no place for it."""
    page = {"runs=<folders of runs>": options.runs, "out=<folder>": options.out}
    missing = [name for name, value in page.items() if value is None]
    if len(missing) == 1 or (missing and options.wandb is None):
        raise InputError(
            f"give {' and '.join(missing)} for a page"
            + ", or wandb=<entity>/<project> for a dashboard in W&B" * (len(missing) > 1)
        )
    check_folder("out", options.out)


def report(options: ReportOptions) -> None:
    """Writes the page of ``runs``, saves the dashboard of ``wandb``, or both.

    Raises:
        InputError: see `write_report` and `amlm.report.dashboard.save_dashboard`; a package is not
            installed.
    """
    if options.runs is not None:
        write_report(options)
    if options.wandb is not None:
        optional("wandb_workspaces", f"wandb={options.wandb}", "wandb")
        from amlm.report.dashboard import save_dashboard

        save_dashboard(options.wandb)


def write_report(options: ReportOptions) -> Path:
    """Writes the page, figures and tables; returns the path of the page.

    Raises:
        InputError: no runs, two of one group and seed, or no matplotlib or no such tagger.
    """
    optional("matplotlib", "a report", "report")
    from amlm.report.html_page import html_page
    from amlm.report.plots import write_figures
    from amlm.report.report_data import read_report
    from amlm.report.report_tables import as_csv, as_latex, curves_table, tables_of

    assert options.runs is not None and options.out is not None, "see `check_report`"
    data = read_report(options.runs, options.results, options.tagger)
    folder = Path(options.out).expanduser()
    tables = tables_of(data)
    figures = write_figures(data, folder / "figures")
    for table in [*tables, curves_table(data.groups)]:
        write_aside(folder / "tables" / f"{table.name}.csv", as_csv(table))
    for table in tables:
        write_aside(folder / "tables" / f"{table.name}.tex", as_latex(table))
    files = {
        "Figures": [f"figures/{name}.{end}" for name in figures for end in ("svg", "png")],
        "Tables": [f"tables/{table.name}.{end}" for table in tables for end in ("csv", "tex")],
        "All curves": ["tables/curves.csv"],
    }
    page = folder / "report.html"
    write_aside(page, html_page(data, tables, files, options.sentences))
    for note in data.notes:
        say(note)
    say(f"written to {page}")
    return page


COMMAND = Command("amlm.report", ABOUT, ReportOptions, report, check_report)


if __name__ == "__main__":
    run(COMMAND, sys.argv[1:])

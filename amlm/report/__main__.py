"""Writes a report of runs: ``python -m amlm.report runs=<glob> out=<folder>``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.options import NEEDED, option
from amlm.util.errors import InputError
from amlm.util.terminal import say

ABOUT = """Shows how masking drifted in runs, finished or not: one HTML page that opens from disk,
figures (SVG, PNG) and tables (CSV, LaTeX). Runs that differ in their seed alone are averaged.
  runs=outputs/hard_decay out=report
  runs='outputs/multirun/*' results=[scores] out=report"""


@dataclass
class ReportOptions:
    runs: list[str] = option(NEEDED, "folders of runs, folders above them, or glob patterns")
    out: str = option(NEEDED, "folder for report.html, figures/ and tables/")
    results: list[str] = option(
        [], "folders with results of amlm.evaluate model=<run>; those in run folders are found"
    )
    sentences: list[str] = option(
        [], "sentences for the sentence viewer, before those of the held-out text"
    )


def write_report(options: ReportOptions) -> Path:
    """Writes the page, figures and tables; returns the path of the page.

    Raises:
        InputError: no runs, two of one group and seed, or matplotlib is not installed.
    """
    try:
        from amlm.report.plots import write_figures
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise InputError("matplotlib is not installed: pip install 'amlm[report]'") from error
    from amlm.report.html_page import html_page
    from amlm.report.report_data import read_report
    from amlm.report.report_tables import as_csv, as_latex, curves_table, tables_of
    from amlm.util.files import write_aside

    data = read_report(options.runs, options.results)
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


COMMAND = Command("amlm.report", ABOUT, ReportOptions, write_report)


if __name__ == "__main__":
    run(COMMAND, sys.argv[1:])

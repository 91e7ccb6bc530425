"""The tables of a report: for the page, and as CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from amlm.report.comparison import untrained
from amlm.report.report_data import ACCURACY, DRIFT, KIND, RANK, SPEECH, Group, ReportData
from amlm.util.text_table import csv_text, latex

Cell = str | int | float | None
UNTRAINED = "untrained"


@dataclass(frozen=True)
class ReportTable:
    """Attributes: name, of its files; head; rows, of which the first cell is a name."""

    name: str
    title: str
    head: list[str]
    rows: list[list[Cell]]

    def shown(self) -> list[list[str]]:
        """Head and rows as text."""
        return [self.head, *([shown(cell) for cell in row] for row in self.rows)]


def shown(cell: Cell) -> str:
    """A cell as text: numbers with four significant digits, ``-`` for none."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 1_000:
        return f"{cell:,.0f}"
    return f"{cell:.4g}"


def as_csv(table: ReportTable) -> str:
    """All numbers in full precision."""
    return csv_text([table.head, *table.rows])


def as_latex(table: ReportTable) -> str:
    """For ``booktabs``."""
    return "\n".join([f"% {table.title}", *latex(table.shown()), ""])


def tables_of(data: ReportData) -> list[ReportTable]:
    """All tables that the runs have something for."""
    relative = "after the last update, relative to the mask ratio (1: masked like the average type)"
    tables = [
        _runs(data),
        _scores(data),
        _scores_by_run(data),
        *(_accuracy(data.groups, prefix, what) for prefix, what in ACCURACY.items()),
        _drift(data.groups),
        _last(data.groups, RANK, "frequency_rank", f"Mean by frequency rank {relative}"),
        _last(
            data.groups,
            SPEECH,
            "part_of_speech",
            f"Mean by part of speech (tagger: {data.tagger}) {relative}",
        ),
        _last(data.groups, KIND, "kind", f"Mean by kind of token {relative}"),
        _extremes(data.groups),
    ]
    return [table for table in tables if table.rows]


def curves_table(groups: Sequence[Group]) -> ReportTable:
    """Every number of the logs at every step, over seeds."""

    def rows() -> Iterator[list[Cell]]:
        for group in groups:
            for name, curve in group.curves.items():
                for i, step in enumerate(curve.steps):
                    ends = (
                        [float(curve.low[i]), float(curve.high[i])]
                        if curve.count[i] > 1
                        else [None, None]
                    )
                    yield [group.name, name, step, curve.count[i], float(curve.mean[i]), *ends]

    head = ["group", "curve", "step", "seeds", "mean", "low", "high"]
    return ReportTable("curves", "Every number over steps", head, list(rows()))


def _runs(data: ReportData) -> ReportTable:
    head = [
        *("group", "seed", "folder", "finished", "steps", "words seen", "mask ratio"),
        *("tokens/s (median)", "loss", "accuracy (%)"),
    ]
    rows: list[list[Cell]] = [
        [
            name,
            run.result.seed,
            run.record.folder.name,
            "yes" if run.finished else "no",
            run.steps,
            run.result.words_seen,
            run.result.ratio,
            median(run.curves["train/tokens_per_second"].values()),
            run.result.metrics["loss"],
            run.result.metrics["accuracy"],
        ]
        for name, run in data.runs
    ]
    return ReportTable("runs", "Runs", head, rows)


def _scores(data: ReportData) -> ReportTable:
    found = [(group.name, *score) for group in data.groups for score in group.scores()]
    known, shown_too = untrained([run.result for _, run in data.runs]), {each[1] for each in found}
    found += [(UNTRAINED, *score) for score in known.items() if score[0] in shown_too]
    rows: list[list[Cell]] = [
        [metric, name, value.count, value.mean, value.sd, value.low, value.high]
        for name, metric, value in found
    ]
    order = list(dict.fromkeys(row[0] for row in rows))
    rows.sort(key=lambda row: order.index(row[0]))
    head = ["metric", "group", "seeds", "mean", "SD", "low", "high"]
    title = f"Final scores, 95 % intervals over seeds; {UNTRAINED}: with random weights"
    return ReportTable("scores", title, head, rows)


def _scores_by_run(data: ReportData) -> ReportTable:
    rows: list[list[Cell]] = [
        [
            task,
            name,
            run.result.seed,
            run.result.metrics[task],
            low,
            high,
            run.result.ties.get(task),
        ]
        for name, run in data.runs
        for task, (low, high) in run.result.intervals.items()
    ]
    head = ["task", "group", "seed", "score", "low", "high", "ties (%)"]
    title = "Final scores of each run, 95 % intervals over items; ties count as errors"
    return ReportTable("scores_by_run", title, head, rows)


def _accuracy(groups: Sequence[Group], prefix: str, what: str) -> ReportTable:
    """One row per class: there are more of them than groups."""
    found = [group.under(prefix) for group in groups]
    rows: list[list[Cell]] = [
        [each, *(100 * float(c[each].mean[-1]) if each in c else None for c in found)]
        for each in dict.fromkeys(name for curves in found for name in curves)
    ]
    title = f"Held-out accuracy (%) by {what}, means over seeds"
    name = prefix.replace("validation/", "accuracy_")
    return ReportTable(name, title, [what, *(group.name for group in groups)], rows)


def _drift(groups: Sequence[Group]) -> ReportTable:
    rows: list[list[Cell]] = []
    for group in groups:
        if not group.updates:
            continue
        last = [group.curves[f"mask_update/{name}"] for name in DRIFT]
        rows.append([group.name, len(group.updates), *(float(each.mean[-1]) for each in last)])
    title = "The masking distribution after the last update, means over seeds"
    return ReportTable("distribution", title, ["group", "updates", *DRIFT.values()], rows)


def _last(groups: Sequence[Group], prefix: str, name: str, title: str) -> ReportTable:
    found = {group.name: group.under(prefix) for group in groups if group.under(prefix)}
    classes = list(dict.fromkeys(each for curves in found.values() for each in curves))
    rows: list[list[Cell]] = []
    for group in groups:
        curves = found.get(group.name, {})
        if curves:
            ratio = group.ratios[-1]
            values = [curves.get(each) for each in classes]
            rows.append([group.name, *(float(c.mean[-1]) / ratio if c else None for c in values)])
    return ReportTable(name, title, ["group", *classes], rows)


def _extremes(groups: Sequence[Group]) -> ReportTable:
    rows: list[list[Cell]] = []
    for group in groups:
        if not group.updates:
            continue
        pairs = zip(*group.drifted[0].extremes[-1], strict=False)
        for i, ((high, most), (low, least)) in enumerate(pairs, start=1):
            rows.append([group.name, i, high, most, low, least])
    head = ["group", "place", "masked most", "w", "masked least", "w "]
    title = "Types with the highest and lowest masking probability, first seed, last update"
    return ReportTable("extremes", title, head, rows)

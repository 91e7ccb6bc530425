"""A comparison as sentences, text, Markdown, LaTeX and CSV."""

from __future__ import annotations

from amlm.report.comparison import Comparison, Row, Table
from amlm.report.runs import is_correlation
from amlm.report.statistics import LEVEL, POWER, Difference
from amlm.util.text_table import aligned, csv_text, latex, markdown

COLUMNS = (
    *("metric", "group", "baseline", "seeds", "mean", "sd", "low", "high"),
    *("difference", "difference_low", "difference_high", "p", "p_corrected"),
    *("pairs", "items", "seeds_needed", "detectable", "ratio", "words_seen"),
)
HEAD = ["", "seeds", "mean", "SD", "interval", "difference", "interval", "p", "ratio", "words seen"]
BASELINE = "from"  # the column after the group's name, if groups differ in their baseline


def _number(value: float | None, metric: str, sign: bool = False) -> str:
    if value is None:
        return "-"
    digits = 2 if metric.startswith("accuracy") else 3 if _is_fraction(metric) else 1
    rounded = round(value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if sign and rounded else ''}.{digits}f}"


def _is_fraction(metric: str) -> bool:
    return metric == "loss" or is_correlation(metric)


def unit(metric: str) -> str:
    """``%``, ``nats``, or nothing for a correlation."""
    return "nats" if metric == "loss" else "" if is_correlation(metric) else "%"


def difference_unit(metric: str) -> str:
    """The unit of differences: ``points`` of per cent, else that of the metric."""
    return {"%": "points"}.get(unit(metric), unit(metric))


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _interval(low: float | None, high: float | None, metric: str, sign: bool = False) -> str:
    if low is None or high is None:
        return "-"
    return f"{_number(low, metric, sign)} to {_number(high, metric, sign)}"


def cells(table: Table) -> list[list[str]]:
    """The rows of a table, formatted, with a head."""
    found = [HEAD, *(_cells(row, table.metric) for row in table.rows)]
    baselines = [row.baseline for row in table.rows]
    if len({*baselines} - {None}) < 2:
        return found
    column = [BASELINE, *(base or "-" for base in baselines)]
    return [[group, base, *rest] for (group, *rest), base in zip(found, column, strict=True)]


def _cells(row: Row, metric: str) -> list[str]:
    value, difference = row.value, row.difference
    return [
        row.group,
        str(value.count),
        _number(value.mean, metric),
        _number(value.sd, metric),
        _interval(value.low, value.high, metric),
        _number(difference.mean, metric, sign=True) if difference else "-",
        _interval(difference.low, difference.high, metric, sign=True) if difference else "-",
        _p(row.p),
        "-" if row.ratio is None else f"{row.ratio:.4f}",
        "-" if row.words_seen is None else f"{row.words_seen:,.0f}",
    ]


def claim(row: Row, metric: str, comparisons: int) -> str:
    """What the data support about one difference, in a sentence or two."""
    difference, baseline = row.difference, row.baseline
    assert difference is not None
    units = difference_unit(metric)
    size = f"{_number(abs(difference.mean), metric)} {units}".strip()
    direction = "higher" if difference.mean > 0 else "lower"
    subject = f"{metric}: {row.group}"
    if difference.p is None or row.p is None:
        where = "in every pair of runs" if difference.pairs else "in all runs"
        if difference.sd == 0 and difference.mean == 0:
            return f"{subject} and {baseline} have the same values {where}."
        if difference.sd == 0:
            return (
                f"{subject} is {size} {direction} than {baseline} {where}. No test is possible "
                "without any spread."
            )
        return (
            f"{subject} is {size} {direction} than {baseline} in the runs at hand. Nothing follows "
            "for other seeds: at least two seeds per group are needed."
        )
    evidence = (
        f"{LEVEL:.0%} interval {_interval(difference.low, difference.high, metric, sign=True)}"
        f"{_basis(difference)}; p {_p(row.p).replace('<', '< ')}, corrected for {comparisons} "
        f"comparison{'s' if comparisons > 1 else ''}"
    )
    if row.p < 1 - LEVEL:
        return f"{subject} is {size} {direction} than {baseline} ({evidence})."
    seeds = difference.needed(comparisons)
    needed = (
        f"{seeds} seeds per group would show a difference of this size with {POWER:.0%} power"
        if seeds
        else "a difference this small would need over a thousand seeds"
        + " or more items" * (difference.items > 0)
    )
    smallest = _number(difference.detectable(comparisons), metric)
    return (
        f"{subject} and {baseline}: the data do not show a difference ({size} {direction}; "
        f"{evidence}). With these seeds, {smallest} {units}".rstrip()
        + f" would have been found with {POWER:.0%} power; {needed}."
    )


def _basis(difference: Difference) -> str:
    seeds = f" over {difference.pairs} paired seeds" if difference.pairs else ", not paired"
    return f"{seeds} and {difference.items:,} items" if difference.items else seeds


def claims(found: Comparison) -> list[str]:
    """One claim per difference."""
    return [
        claim(row, table.metric, found.comparisons)
        for table in found.tables
        for row in table.rows
        if row.difference is not None
    ]


def title(table: Table) -> str:
    """The metric with its unit."""
    return f"{table.metric} ({unit(table.metric)})" if unit(table.metric) else table.metric


def legend(found: Comparison) -> str:
    """What the columns mean."""
    only = found.baselines[0] if len(found.baselines) == 1 else None
    base = only or f'the group in the column "{BASELINE}"'
    return (
        f"Means over seeds; SD: standard deviation over seeds; intervals: {LEVEL:.0%} each, over "
        f"seeds unless items are named. Differences are from {base}, paired by seed where "
        f"possible. p: Holm's correction for {found.comparisons} comparisons; power is that of a "
        "test corrected in the same way, with the spread found here. ratio: mean realised mask "
        "ratio."
    )


def as_text(found: Comparison) -> str:
    """For a terminal: notes, tables, claims."""
    lines = [*found.notes, ""] if found.notes else []
    for table in found.tables:
        lines += [title(table), *aligned(cells(table)), ""]
    return "\n".join([*lines, legend(found), "", *claims(found)])


def as_markdown(found: Comparison) -> str:
    """For a page or an issue: notes, tables, claims."""
    return "\n".join([markdown_tables(found), *(f"- {each}" for each in claims(found))]) + "\n"


def markdown_tables(found: Comparison) -> str:
    """The notes and tables of `as_markdown`, with their legend."""
    lines = [f"- {note}" for note in found.notes] + [""] * bool(found.notes)
    for table in found.tables:
        lines += [f"**{title(table)}**", "", markdown(cells(table), len(HEAD) - 1), ""]
    return "\n".join([*lines, legend(found), ""])


def as_latex(found: Comparison) -> str:
    """Tables for ``booktabs``."""
    lines = [f"% {legend(found)}"]
    for table in found.tables:
        lines += [f"% {title(table)}", *latex(cells(table)), ""]
    return "\n".join(lines)


def as_csv(found: Comparison) -> str:
    """All numbers in full precision, one line per metric and group."""
    lines: list[tuple[object, ...]] = [COLUMNS]
    for table in found.tables:
        for row in table.rows:
            value, d = row.value, row.difference
            tested: tuple[float | None, ...] = (None,) * 9
            if d:
                plan = (d.needed(found.comparisons), d.detectable(found.comparisons))
                tested = (d.mean, d.low, d.high, d.p, row.p, d.pairs, d.items, *plan)
            mean = (value.count, value.mean, value.sd, value.low, value.high)
            names = (table.metric, row.group, row.baseline)
            lines.append((*names, *mean, *tested, row.ratio, row.words_seen))
    return csv_text(lines)

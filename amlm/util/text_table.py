"""Text tables: plain, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Formats rows of cells as lines: the first column left-aligned, the others right-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in rows
    ]


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """CSV with all numbers in full precision; None is an empty cell."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def markdown(rows: Sequence[Sequence[str]], numbers: int = 0) -> str:
    """A Markdown table; the first row is its head, the last columns are right-aligned numbers."""
    head, *rest = rows
    marks = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    lines = [head, marks, *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(rows: Sequence[Sequence[str]]) -> list[str]:
    """Formats rows of cells, the first one the head, for ``booktabs``; ``-`` is an empty cell."""
    head, *others = [" & ".join(map(_escaped, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    start = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule"]
    return [*start, *others, r"\bottomrule", r"\end{tabular}"]


def _escaped(cell: str) -> str:
    cell = cell.replace("\\", r"\textbackslash ")
    for sign in "&%$#_{}":
        cell = cell.replace(sign, "\\" + sign)
    cell = cell.replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ")
    cell = cell.replace("▁", r"\textvisiblespace ")
    if cell == "-":
        return "--"
    return f"${cell}$" if re.fullmatch(r"[+\-<] ?[\d.,]+", cell) else cell

"""The differences of a comparison with their intervals, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amlm.report.comparison import Comparison, Table
from amlm.report.comparison_text import difference_unit
from amlm.report.plots import PALETTE, STYLE, save
from amlm.report.statistics import ALPHA, LEVEL

COLUMNS, WIDTH, ROW = 3, 1.9, 0.2  # panels in a row; inches of a panel and of a difference
GAP, TOP, BOTTOM, LEGEND = 0.2, 0.3, 0.45, 0.2  # inches
LETTER = 0.062  # inches of a letter of a name

Pair = tuple[str, str]


def write_differences(found: Comparison, folder: Path, name: str) -> None:
    """Writes ``<name>.svg`` and ``<name>.png``: one panel per metric, one line per difference."""
    with mpl.rc_context(STYLE):
        save(differences(found), folder, name)


def differences(found: Comparison) -> Figure:
    """One panel per metric, with the difference of each pair of groups and its interval."""
    compared = [
        (row.group, row.baseline) for table in found.tables for row in table.rows if row.baseline
    ]
    pairs = list(dict.fromkeys(compared))
    several = len(found.baselines) > 1
    names = [f"{group} \N{MINUS SIGN} {base}" if several else group for group, base in pairs]
    columns = min(max(1, len(found.tables)), COLUMNS)
    rows = -(-len(found.tables) // columns)
    margin = GAP + LETTER * max(map(len, names), default=0)
    panel = ROW * max(1, len(pairs))
    width = margin + columns * (WIDTH + GAP)
    height = rows * (TOP + panel + BOTTOM) + LEGEND
    figure = Figure(figsize=(width, height))
    for i, table in enumerate(found.tables):
        row, column = divmod(i, columns)
        bottom = height - row * (TOP + panel + BOTTOM) - TOP - panel
        left = margin + column * (WIDTH + GAP)
        place = (left / width, bottom / height, WIDTH / width, panel / height)
        axes = figure.add_axes(place)
        _draw(axes, table, pairs)
        axes.set_yticks(range(len(pairs)), names if column == 0 else [""] * len(pairs))
    base = "" if several or not pairs else f"differences from {found.baselines[0]}; "
    figure.text(
        GAP / width,
        LEGEND / 2 / height,
        f"{base}{LEVEL:.0%} intervals; filled: p < {ALPHA}, corrected for {found.comparisons} "
        "comparisons",
        fontsize=6.5,
    )
    return figure


def _draw(axes: Axes, table: Table, pairs: Sequence[Pair]) -> None:
    axes.axvline(0, color="black", linewidth=0.6)
    for row in table.rows:
        if row.baseline is None or row.difference is None:
            continue
        y, d = pairs.index((row.group, row.baseline)), row.difference
        if d.low is not None and d.high is not None:
            axes.plot([d.low, d.high], [y, y], color=PALETTE[0])
        clear = row.p is not None and row.p < ALPHA
        face = PALETTE[0] if clear else "white"
        axes.plot([d.mean], [y], "o", markersize=4, color=PALETTE[0], markerfacecolor=face)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_title(table.metric)
    axes.set_xlabel(difference_unit(table.metric))

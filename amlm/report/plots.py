"""Figures for papers, as SVG and PNG: the same bytes from the same runs.

Colours are those of Okabe and Ito (2008), which colour-blind readers tell apart; lines beyond seven
are dashed. Steps are coloured by `cividis`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amlm.report.curves import Curve, evenly
from amlm.report.report_data import KIND, RANK, SPEECH, Group, Panels, ReportData, panels_of
from amlm.report.runs import is_correlation
from amlm.util.files import aside

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "amlm",  # else ids are random
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
}
WIDTH, HEIGHT, COLUMNS = 2.6, 1.9, 3  # inches of a panel; panels in a row
LEFT, BOTTOM, TOP, LEGEND = 0.55, 0.4, 0.25, 0.17  # inches of margins; height of a legend's line
SHOWN_UPDATES, SHOWN_TYPES = 7, 5

Lines = Mapping[str, Curve]


def write_figures(data: ReportData, folder: Path, only: Collection[str] = ()) -> list[str]:
    """Writes ``<name>.svg`` and ``<name>.png`` of all figures, or of those named; returns names."""
    names = []
    with mpl.rc_context(STYLE):
        for name, figure in figures(data):
            if only and name not in only:
                continue
            save(figure, folder, name)
            names.append(name)
    return names


def save(figure: Figure, folder: Path, name: str) -> None:
    """Writes ``<name>.svg`` and ``<name>.png``, under `STYLE` with the same bytes each time."""
    for ending, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        with aside(folder / f"{name}.{ending}") as path:
            figure.savefig(path, format=ending, dpi=200, metadata=metadata)


def figures(data: ReportData) -> Iterator[tuple[str, Figure]]:
    """All figures that the runs have something for, by name."""
    groups = data.groups
    drifted = [group for group in groups if group.updates]
    for name, panels in panels_of(groups).items():
        if panels:
            yield name, _by_group(groups, panels)
    if drifted:
        yield "frequency_rank", _ranks(drifted)
        yield "extremes", _per_group(drifted, "w / mask ratio", _extremes, columns=2)
    for name, prefix in (("kind", KIND), ("part_of_speech", SPEECH)):
        having = [group for group in drifted if group.under(prefix)]
        if having:
            yield name, _classes(having, prefix)
    yield "scores", _scores(groups)


def _panels(count: int, legend: int, columns: int = COLUMNS) -> tuple[Figure, list[Axes]]:
    """A figure with panels, and room for lines of a legend below them."""
    columns = min(count, columns)
    rows = -(-count // columns)
    width, height = columns * (LEFT + WIDTH), rows * (TOP + HEIGHT + BOTTOM) + legend * LEGEND
    figure = Figure(figsize=(width + 0.1, height))
    axes = []
    for i in range(count):
        row, column = divmod(i, columns)
        left = column * (LEFT + WIDTH) + LEFT
        bottom = height - (row + 1) * (TOP + HEIGHT + BOTTOM) + BOTTOM
        place = (left / (width + 0.1), bottom / height, WIDTH / (width + 0.1), HEIGHT / height)
        axes.append(figure.add_axes(place))
    return figure, axes


def _draw(axes: Axes, lines: Lines, scale: float = 1.0) -> None:
    styles = cycle([(color, dash) for dash in DASHES for color in PALETTE])
    for (name, curve), (color, dash) in zip(lines.items(), styles, strict=False):
        axes.plot(curve.steps, scale * curve.mean, color=color, linestyle=dash, label=name)
        low, high = scale * curve.low, scale * curve.high
        axes.fill_between(curve.steps, low, high, color=color, alpha=0.15, linewidth=0)


def _legend(figure: Figure, names: int, axes: Axes, columns: int = COLUMNS) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(), loc="lower center", ncols=min(names, columns), fontsize=7
    )


def _rows(names: int, columns: int = COLUMNS) -> int:
    return -(-names // columns)


def _by_group(groups: Sequence[Group], panels: Panels) -> Figure:
    """One panel per curve, one line per group."""
    columns = min(len(panels), COLUMNS)
    figure, axes = _panels(len(panels), _rows(len(groups), columns))
    for (name, (title, scale)), each in zip(panels.items(), axes, strict=True):
        _draw(each, {g.name: g.curves[name] for g in groups if name in g.curves}, scale)
        each.set(title=title, xlabel="step")
    _legend(figure, len(groups), axes[0], columns)
    return figure


def _per_group(
    groups: Sequence[Group],
    ylabel: str,
    draw: Callable[[Axes, Group], None],
    legend: int = 0,
    columns: int = COLUMNS,
) -> Figure:
    """One panel per group."""
    figure, axes = _panels(len(groups), legend, columns)
    for group, each in zip(groups, axes, strict=True):
        draw(each, group)
        each.set(title=group.name, xlabel=each.get_xlabel() or "step", ylabel=ylabel)
    return figure


def relative(group: Group, curve: Curve) -> Curve:
    """A curve over updates, divided by the mask ratio."""
    by_step = dict(zip(group.updates, group.ratios, strict=True))
    kept = [i for i, step in enumerate(curve.steps) if step in by_step]
    ratio_T = np.array([by_step[curve.steps[i]] for i in kept])
    found = curve.at(kept)
    return Curve(
        found.steps, found.mean / ratio_T, found.low / ratio_T, found.high / ratio_T, found.count
    )


def _classes(groups: Sequence[Group], prefix: str) -> Figure:
    names = list(dict.fromkeys(name for group in groups for name in group.under(prefix)))

    def draw(axes: Axes, group: Group) -> None:
        found = group.under(prefix)
        curves = {name: relative(group, found[name]) for name in names if name in found}
        if len(names) > len(PALETTE):  # bands would hide each other
            curves = {name: curve.plain() for name, curve in curves.items()}
        _draw(axes, curves)

    figure = _per_group(groups, "w / mask ratio", draw, _rows(len(names), 4))
    fullest = max(figure.axes, key=lambda axes: len(axes.lines))
    _legend(figure, len(names), fullest, 4)
    return figure


def rank_of(name: str) -> float:
    """The middle of a bin of frequency ranks, e.g. ``3-5``, on a logarithmic scale."""
    first, last = map(int, name.split("-"))
    return float(np.sqrt(first * last))


def _ranks(groups: Sequence[Group]) -> Figure:
    colors = mpl.colormaps["cividis"]

    def draw(axes: Axes, group: Group) -> None:
        found = {name: relative(group, curve) for name, curve in group.under(RANK).items()}
        kept = evenly(len(group.updates), SHOWN_UPDATES)
        for n, t in enumerate(kept):
            values = [curve.mean[t] for curve in found.values()]
            color = colors(0.95 * (1 - n / max(len(kept) - 1, 1)))
            label = f"step {group.updates[t]:,}"
            axes.plot([*map(rank_of, found)], values, color=color, label=label)
        axes.set(xscale="log", xlabel="frequency rank")
        axes.legend(loc="lower right")

    return _per_group(groups, "w / mask ratio", draw)


def _extremes(axes: Axes, group: Group) -> None:
    highest, lowest = group.drifted[0].extremes[-1]
    surfaces = group.vocabulary.surfaces if group.vocabulary else []
    names = [n for n, _ in [*highest[:SHOWN_TYPES], *lowest[:SHOWN_TYPES][::-1]] if n in surfaces]
    if not names:
        return
    types = [surfaces.index(name) for name in names]
    everything = range(len(group.updates))
    w_TN = group.mean_tables(everything)[:, types] / np.array(group.ratios)[:, None]
    count, none_T = [len(group.drifted)] * len(group.updates), np.full(len(group.updates), np.nan)
    lines = {
        name.replace("$", r"\$"): Curve(group.updates, w_TN[:, n], none_T, none_T, count)
        for n, name in enumerate(names)
    }
    _draw(axes, lines)
    axes.set_xlim(right=group.updates[-1] + 0.45 * (group.updates[-1] - axes.get_xlim()[0]))
    axes.legend(loc="center right")


def _scores(groups: Sequence[Group]) -> Figure:
    metrics = list(dict.fromkeys(metric for group in groups for metric, _ in group.scores()))
    columns = min(len(metrics), COLUMNS)
    figure, axes = _panels(len(metrics), _rows(len(groups), columns))
    for metric, each in zip(metrics, axes, strict=True):
        for i, group in enumerate(groups):
            value = dict(group.scores()).get(metric)
            if value is None:
                continue
            color = PALETTE[i % len(PALETTE)]
            seeds = [run.result.metrics[metric] for run in group.runs]
            each.plot(seeds, [i] * len(seeds), "|", color=color, alpha=0.6)
            error = None
            if value.low is not None and value.high is not None:
                error = [[value.mean - value.low], [value.high - value.mean]]
            marker = MARKERS[i // len(PALETTE) % len(MARKERS)]
            each.errorbar(
                value.mean,
                i,
                xerr=error,
                fmt=marker,
                color=color,
                label=group.name,
                markersize=4,
                capsize=2,
            )
        unit = "" if is_correlation(metric) else " (nats)" if metric == "loss" else " (%)"
        each.set(title=f"{metric}{unit}", ylim=(len(groups) - 0.5, -0.5), yticks=[])
    _legend(figure, len(groups), axes[0], columns)
    return figure

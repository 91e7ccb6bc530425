"""The page of a report: one HTML file with its data, style and scripts inside.

What it shows is chosen in `page/page.js`; here is the data for it.

Shapes: V token types, N sentences, L tokens, T updates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlm.report.curves import Curve, evenly
from amlm.report.held_out import probabilities, sentences_of
from amlm.report.packing import MOST, pack, pack_groups
from amlm.report.plots import SHOWN_UPDATES, rank_of
from amlm.report.report_data import KIND, RANK, SPEECH, Group, Panels, ReportData, panels_of
from amlm.report.report_tables import ReportTable
from amlm.report.run_drift import RunDrift, Vocabulary

PARTS = Path(__file__).parent / "page"
POINTS = 250  # of a curve
NAMED = 12  # extreme types of an update
Json = dict[str, Any]


def html_page(
    data: ReportData,
    tables: Sequence[ReportTable],
    files: Mapping[str, Sequence[str]],
    sentences: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        data: the runs.
        tables: shown as they are.
        files: paths that the page links to, relative to it, by title.
        sentences: for the sentence viewer, before those of the held-out text.
    """
    content = json.dumps(page_data(data, tables, files, sentences), separators=(",", ":"))
    filled = {
        "/*STYLE*/": _part("uplot.css") + _part("page.css"),
        "/*PLOT*/": f"/*\n{_part('uplot.LICENSE')}*/\n{_part('uplot.js')}",
        "/*SCRIPT*/": _part("charts.js") + _part("page.js") + _part("explore.js"),
        "/*DATA*/": content.replace("<", "\\u003c"),
    }
    page = _part("page.html")
    for mark, text in filled.items():
        page = page.replace(mark, text)
    return page


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def page_data(
    data: ReportData,
    tables: Sequence[ReportTable],
    files: Mapping[str, Sequence[str]],
    sentences: Sequence[str],
) -> Json:
    """All that the page shows."""
    groups = data.groups
    drifted = [group for group in groups if group.updates]
    vocabularies = list(dict.fromkeys(g.vocabulary for g in drifted if g.vocabulary))
    return {
        "about": f"{len(groups)} group{'s' * (len(groups) != 1)} of runs, {len(data.runs)} "
        f"run{'s' * (len(data.runs) != 1)}.",
        "notes": data.notes,
        "tables": {t.name: {"title": t.title, "rows": t.shown()} for t in tables},
        "files": files,
        "charts": {name: _charts(groups, panels) for name, panels in panels_of(groups).items()},
        "groups": _groups(drifted, vocabularies, sentences),
        "vocabularies": [_vocabulary(each, sentences) for each in vocabularies],
        "extremes": [_extremes(name, run) for name, run in data.runs if run.updates],
    }


def numbers(values: Iterable[float]) -> list[float | None]:
    """Five significant digits; None for NaN."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def _line(name: str, curve: Curve, scale: float = 1.0) -> Json:
    found = curve.at(evenly(len(curve.steps), POINTS))
    line: Json = {"name": name, "x": found.steps, "y": numbers(scale * found.mean)}
    if np.isfinite(found.low).any():
        line |= {"low": numbers(scale * found.low), "high": numbers(scale * found.high)}
    return line


def _charts(groups: Sequence[Group], panels: Panels) -> list[Json]:
    return [
        {
            "title": title,
            "lines": [_line(g.name, g.curves[name], scale) for g in groups if name in g.curves],
        }
        for name, (title, scale) in panels.items()
    ]


def _order(vocabulary: Vocabulary) -> NDArray[np.intp]:
    """The types with a surface form, by frequency if it is known."""
    named = np.flatnonzero([surface is not None for surface in vocabulary.surfaces])
    if vocabulary.counts_V is None:
        return named
    return named[np.argsort(-vocabulary.counts_V[named], kind="stable")]


def _vocabulary(vocabulary: Vocabulary, sentences: Sequence[str]) -> Json:
    forms = [vocabulary.surfaces[v] for v in _order(vocabulary)]
    return {
        "forms": pack(json.dumps(forms, ensure_ascii=False).encode()),
        "ranked": vocabulary.counts_V is not None,
        "sentences": [each.pieces for each in sentences_of(vocabulary, sentences)],
    }


def _groups(
    groups: Sequence[Group], vocabularies: Sequence[Vocabulary], sentences: Sequence[str]
) -> list[Json]:
    tables = _tables(groups, vocabularies)
    return [
        {
            "name": group.name,
            "seeds": len(group.drifted),
            "ratio": {"x": group.updates, "y": numbers(group.ratios)},
            "ranks": _ranks(group),
            "speech": [_line(name, each.plain()) for name, each in group.under(SPEECH).items()],
            "kind": [_line(name, each) for name, each in group.under(KIND).items()],
            "vocabulary": vocabularies.index(group.vocabulary) if group.vocabulary else None,
            "table": tables.get(group),
            "sentences": _sentences(group, sentences),
        }
        for group in groups
    ]


def _tables(groups: Sequence[Group], vocabularies: Sequence[Vocabulary]) -> dict[Group, Json]:
    orders = {each: _order(each) for each in vocabularies}
    chosen = {group: orders[group.vocabulary] for group in groups if group.vocabulary}
    if not chosen:
        return {}
    packed = pack_groups(list(chosen), list(chosen.values()))
    return {
        group: {
            "steps": [group.updates[t] for t in evenly(len(group.updates), packed.most)],
            "lowest": packed.lowest,
            "step": packed.step,
            "data": text,
        }
        for group, text in zip(chosen, packed.tables, strict=True)
    }


def _ranks(group: Group) -> Json:
    bins = group.under(RANK)
    kept = evenly(len(group.updates), SHOWN_UPDATES)
    return {
        "x": numbers(map(rank_of, bins)),
        "steps": [group.updates[t] for t in kept],
        "w": [numbers(curve.mean[t] for curve in bins.values()) for t in kept],
    }


def _sentences(group: Group, given: Sequence[str]) -> Json:
    """Probabilities in thousandths: by update, sentence and token."""
    kept = evenly(len(group.updates), MOST)
    found = sentences_of(group.vocabulary, given) if group.vocabulary else []
    if not found:
        return {"steps": [], "q": []}
    q_TNL = np.rint(1_000 * probabilities(group, found, kept)).astype(int).tolist()
    return {
        "steps": [group.updates[t] for t in kept],
        "q": [
            [q_L[: len(each.ids)] for q_L, each in zip(q_NL, found, strict=True)] for q_NL in q_TNL
        ],
    }


def _extremes(name: str, run: RunDrift) -> Json:
    kept = evenly(len(run.updates), MOST)
    return {
        "name": f"{name}, seed {run.result.seed}",
        "steps": [run.updates[t] for t in kept],
        "ends": [
            [[[form, float(f"{w:.4g}")] for form, w in end[:NAMED]] for end in run.extremes[t]]
            for t in kept
        ],
    }

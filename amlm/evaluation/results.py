"""The files of an evaluation, and the summary printed at its end.

| in ``<out>/results/<model folder name>/<revision>`` | contents |
| --- | --- |
| ``zero_shot/mlm/<task>/<data folder>/predictions.json`` | predictions in the official format |
| ``zero_shot/mlm/reading/predictions.json`` | the same for reading times |
| ``zero_shot/mlm/AoA_word/surprisal.json`` | the same for age of acquisition |
| ``scores/<data folder>/<file>.json`` | cached scores of all candidates |
| ``scores.json`` | all scores with intervals, by task and group |

Baselines have their own folders next to the model's: ``<revision>-untrained`` ...
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amlm import __version__
from amlm.evaluation.figures import Figure, Report
from amlm.util.files import write_json

SCORES_FILE = "scores.json"
CORRELATIONS = ("Spearman", "Pearson")  # the metrics that are not in per cent
SCORES_VERSION = 1  # increment it when scores of the same model on the same items change


def results_folder(out: str, model: str, revision: str) -> Path:
    """The folder for the results of a model at a revision."""
    return Path(out).expanduser() / "results" / model / revision


def predictions_folder(folder: Path, *names: str) -> Path:
    """The folder for the official predictions of a task, e.g. ``blimp, blimp_fast``."""
    return folder.joinpath("zero_shot", "mlm", *names)


def load_or_compute(
    path: Path, key: Any, compute: Callable[[], list[list[float]]]
) -> tuple[list[list[float]], bool]:
    """Reads cached numbers if their key matches, else computes and caches them.

    Args:
        path: the cache file.
        key: everything that the numbers depend on, as JSON.
        compute: computes the numbers. NaN is written as null and read as NaN.

    Returns: the numbers, and whether they were cached.
    """
    text = json.dumps([SCORES_VERSION, key])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["made_from"] == digest:
            rows = [[float("nan") if x is None else x for x in row] for row in content["scores"]]
            return rows, True
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no file, or not a valid one
    rows = compute()
    nullable = [[x if x == x else None for x in row] for row in rows]
    write_json(path, {"made_from": digest, "scores": nullable})
    return rows, False


def write_scores(folder: Path, about: dict[str, Any], reports: Mapping[str, Report]) -> None:
    """Writes ``scores.json``, keeping tasks evaluated earlier with the same model."""
    path = folder / SCORES_FILE
    tasks: dict[str, Any] = {}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["fingerprint"] == about["fingerprint"]:
            tasks = before["tasks"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    tasks |= {name: asdict(report) for name, report in reports.items()}
    write_json(path, {"amlm": __version__, **about, "tasks": tasks}, indent=1)


def format_scores(systems: Mapping[str, Mapping[str, Report]]) -> str:
    """The scores of a model and its baselines as a text table.

    Args:
        systems: reports by task; first those of the model, then those of each baseline.
    """
    model, *baselines = systems.values()
    head = ["", "score", "95 % interval", "ties", "official", "items", "too long"]
    rows = [[*head, *list(systems)[1:]]]
    for task, report in model.items():
        for measure, figure in report.totals.items():
            cells = _cells(figure, measure)
            for baseline in baselines:
                other = baseline.get(task)
                cells.append(_format(other.totals[measure].score if other else None, measure))
            rows.append([f"{task}, {measure}", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _format(value: float | None, measure: str) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if measure in CORRELATIONS else f"{value:.2f}"


def _cells(figure: Figure, measure: str) -> list[str]:
    low, high = (_format(each, measure) for each in (figure.low, figure.high))
    return [
        _format(figure.score, measure),
        "-" if figure.low is None else f"{low} to {high}",
        "-" if figure.ties is None else f"{figure.ties:.2f}",
        _format(figure.official, measure),
        f"{figure.items:,}",
        f"{figure.unscored:,}",
    ]

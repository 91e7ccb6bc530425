"""The files of an evaluation, and the table that is shown at its end.

| below ``<out>/results/<model folder name>/<revision>`` | holds |
| --- | --- |
| ``zero_shot/mlm/<task>/<data folder>/predictions.json`` | the official predictions |
| ``zero_shot/mlm/reading/predictions.json`` | the same of the reading task |
| ``zero_shot/mlm/AoA_word/surprisal.json`` | the same of age of acquisition |
| ``scores/<data folder>/<file>.json`` | all scores; what is here is not computed again |
| ``scores.json`` | every figure with its interval, by task and group |

Baselines have folders of their own beside the model's: ``<revision>-untrained`` ...
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
CORRELATIONS = ("Spearman", "Pearson")  # the measures that are not in per cent
SCORES_VERSION = 1  # raise it when scores of the same model on the same items change


def results_folder(out: str, model: str, revision: str) -> Path:
    """The folder of a model's results at a revision."""
    return Path(out).expanduser() / "results" / model / revision


def predictions_folder(folder: Path, *names: str) -> Path:
    """Where the official predictions of a task go, e.g. ``blimp, blimp_fast``."""
    return folder.joinpath("zero_shot", "mlm", *names)


def remembered(
    path: Path, key: Any, compute: Callable[[], list[list[float]]]
) -> tuple[list[list[float]], bool]:
    """Numbers from a file if it was made from the same key, else computed and written to it.

    Args:
        path: the file.
        key: all that the numbers depend on, as JSON.
        compute: makes them; NaN is written as null and read as NaN.

    Returns: the numbers, and whether they were there.
    """
    text = json.dumps([SCORES_VERSION, key])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["made_from"] == digest:
            rows = [[float("nan") if x is None else x for x in row] for row in content["scores"]]
            return rows, True
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours
    rows = compute()
    written = [[x if x == x else None for x in row] for row in rows]
    write_json(path, {"made_from": digest, "scores": written})
    return rows, False


def write_scores(folder: Path, about: dict[str, Any], reports: Mapping[str, Report]) -> None:
    """Writes ``scores.json``; tasks evaluated before with the same model stay in it."""
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


def table(systems: Mapping[str, Mapping[str, Report]]) -> str:
    """The scores of a model, and beside them those of the baselines.

    Args:
        systems: reports by task, of the model first, then of each baseline by its name.
    """
    model, *baselines = systems.values()
    head = ["", "score", "95 % interval", "ties", "official", "items", "too long"]
    rows = [[*head, *list(systems)[1:]]]
    for task, report in model.items():
        for measure, figure in report.totals.items():
            cells = _cells(figure, measure)
            for baseline in baselines:
                other = baseline.get(task)
                cells.append(_shown(other.totals[measure].score if other else None, measure))
            rows.append([f"{task}, {measure}", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _shown(value: float | None, measure: str) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if measure in CORRELATIONS else f"{value:.2f}"


def _cells(figure: Figure, measure: str) -> list[str]:
    low, high = (_shown(each, measure) for each in (figure.low, figure.high))
    return [
        _shown(figure.score, measure),
        "-" if figure.low is None else f"{low} to {high}",
        "-" if figure.ties is None else f"{figure.ties:.2f}",
        _shown(figure.official, measure),
        f"{figure.items:,}",
        f"{figure.unscored:,}",
    ]

"""The files of an evaluation, and the summary printed at its end.

| in ``<out>/results/<model folder name, cut at its last dot>/<revision>`` | contents |
| --- | --- |
| ``zero_shot/mlm/<task>/<data folder>/predictions.json`` | predictions in the official format |
| ``zero_shot/mlm/reading/predictions.json`` | the same for reading times |
| ``zero_shot/mlm/AoA_word/surprisal.json`` | the same for age of acquisition |
| ``zero_shot/mlm/AoA_word/aoa_score.json`` | its score, where the rules want it |
| ``scores/<data folder>/<file>.json`` | cached scores of all candidates |
| ``scores/aoa/models.json`` | fingerprints of the checkpoints whose surprisals these are |
| ``scores.json`` | all scores with intervals, by task and group |

``mlm`` is the backend, or ``mntp``. Baselines have their own folders next to the model's:
``<revision>-untrained`` ...
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlm import __version__
from amlm.evaluation.figures import Figure, Report
from amlm.evaluation.places import Source
from amlm.util.files import make_folder, write_json
from amlm.util.terminal import say
from amlm.util.text_table import aligned

SCORES_FILE = "scores.json"
RUN_FILE = "run.json"  # of a run of `amlm.train`
AOA_MODELS = "scores/aoa/models.json"
CORRELATIONS = ("Spearman", "Pearson")  # the metrics that are not in per cent
SCORES_VERSION = 1  # increment it when scores of the same model on the same items change


def results_folder(out: str, model: str, revision: str) -> Path:
    """The folder for the results of a model at a revision.

    Like the official pipelines, it cuts the name of the model at its last dot.
    """
    _warn_if_cut(model)
    return Path(out).expanduser() / "results" / Path(model).stem / revision


@cache
def _warn_if_cut(model: str) -> None:
    if (stem := Path(model).stem) != model:
        say(
            f"warning: the results of {model} go to results/{stem}, because the official pipelines "
            "cut a name at its last dot; models that differ only after it share that folder"
        )


def predictions_folder(folder: Path, backend: str, *names: str) -> Path:
    """The folder for the official predictions of a task, e.g. ``mlm, blimp, blimp_fast``."""
    return folder.joinpath("zero_shot", backend, *names)


def digest(content: Any) -> str:
    """A hash of JSON and dataclasses."""
    text = json.dumps(content, default=asdict)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if it is not a valid file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def read_if(path: Path, field: str, value: str) -> dict[str, Any]:
    """The object in a JSON file if its field has this value; empty if not, or not a valid file."""
    content = read_json(path)
    return content if content.get(field) == value else {}


def load_or_compute(
    path: Path, key: Any, compute: Callable[[], list[list[float]]]
) -> tuple[list[list[float]], bool]:
    """Reads cached numbers if their key, all that they depend on, matches; else computes them.

    Returns: the numbers, and whether they were cached.
    """
    made_from = digest([SCORES_VERSION, key])
    if found := read_if(path, "made_from", made_from):
        return [[float("nan") if x is None else x for x in row] for row in found["scores"]], True
    rows = compute()
    nullable = [[x if x == x else None for x in row] for row in rows]
    write_json(path, {"made_from": made_from, "scores": nullable})
    return rows, False


def about(source: Source, revision: str, fingerprint: str) -> dict[str, str | None]:
    """What ``scores.json`` says of the model: where it lies, and the start of the run it is of."""
    path = Path(source.path)
    return {
        "amlm": __version__,
        "model": source.path if source.revision else str(path.resolve()),
        "run": None if source.revision else read_json(path.parent / RUN_FILE).get("started"),
        "revision": revision,
        "fingerprint": fingerprint,
    }


def write_scores(folder: Path, about: Mapping[str, Any], tasks: Mapping[str, Any]) -> None:
    """Writes ``scores.json``, keeping tasks evaluated earlier with the same model and rules.

    Commands that evaluate other tasks of the model at the same time wait for each other.
    """
    path = folder / SCORES_FILE
    make_folder(folder)
    with FileLock(folder / ".lock"):
        before = read_json(path)
        if before.get("fingerprint") != about["fingerprint"]:
            if before.get("model") not in (None, about.get("model")):
                say(
                    f"warning: {folder} has results of model={before['model']}, which those of "
                    f"model={about.get('model')} replace: an out= of its own keeps both"
                )
            before = {}
        kept = before.get("tasks", {}) if before.get("rules") == about.get("rules") else {}
        write_json(path, {**about, "tasks": {**kept, **tasks}}, indent=1)


def format_scores(systems: Mapping[str, Mapping[str, Report]]) -> str:
    """The reports by task of a model, and of its baselines after it, as a text table."""
    model, *baselines = systems.values()
    head = ["", "score", "95 % interval", "ties", "official", "expected", "items", "too long"]
    rows = [[*head, *list(systems)[1:]]]
    for task, report in model.items():
        for measure, figure in report.totals.items():
            cells = _cells(figure, measure)
            for baseline in baselines:
                other = baseline.get(task)
                cells.append(_format(other.totals[measure].score if other else None, measure))
            rows.append([f"{task}, {measure}", *cells])
    return "\n".join(aligned(rows))


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
        _format(figure.expected, measure),
        f"{figure.items:,}",
        f"{figure.unscored:,}",
    ]

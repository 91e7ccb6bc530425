"""Predictions in the official format: read, checked for what the leaderboard wants, and scored.

Shapes: N words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amlm.evaluation import results
from amlm.evaluation.figures import spearman
from amlm.evaluation.submission import sizes
from amlm.evaluation.zero_shot import reading
from amlm.evaluation.zero_shot.items import Item
from amlm.evaluation.zero_shot.tasks import TASKS

Predictions = dict[str, dict[str, list[dict[str, Any]]]]
FIELDS = {"wug_adj": "prob", "wug_past": "prob", "reading": "prev_pred"}  # besides id and pred
NAMED = 3  # faults that are named one by one


class Unfit(Exception):
    """Says what was found in place of results that can be submitted."""


def zero_shot(folder: Path, name: str, suite: str) -> Predictions:
    """The predictions of a zero-shot task.

    Args:
        folder: ``results/<model>/<revision>``.
        name: of the task, a key of `amlm.evaluation.submission.sizes.SIZES`.
        suite: ``fast`` or ``full``.

    Raises:
        Unfit: there are none, another model's, or too few.
    """
    task = TASKS[name]
    inner = (task.official, task.paths[suite][0]) if task.reader else (name,)
    path = results.predictions_folder(folder, *inner) / "predictions.json"
    content = _read(path, folder / results.SCORES_FILE, inner[-1])
    return _checked(content, sizes.SIZES[suite][name], ("id", "pred", FIELDS.get(name, "id")))


def fine_tuned(folder: Path, name: str) -> Predictions:
    """The predictions of a fine-tuned task; see `zero_shot`."""
    path = folder / "finetune" / name / "predictions.json"
    content = _read(path, folder / "finetune" / results.SCORES_FILE, name)
    return _checked(content, {name: sizes.GLUE[name]}, ("id", "pred"))


def surprisals(folder: Path, steps: Sequence[str]) -> dict[str, Any]:
    """``surprisal.json`` with all contexts at just these checkpoints; see `zero_shot`."""
    path = results.predictions_folder(folder, TASKS["aoa"].official) / "surprisal.json"
    content = _read(path, folder / results.SCORES_FILE, "aoa")
    try:
        counts = Counter(line["step"] for line in content["results"] if "surprisal" in line)
    except (KeyError, TypeError):
        raise Unfit(f"{path} is not of the official form") from None
    wanted = Counter(dict.fromkeys(steps, sizes.CONTEXTS))
    _refuse(
        f"{step} has {counts[step]:,} contexts, not {wanted[step]:,}"
        for step in dict.fromkeys((*steps, *counts))
        if counts[step] != wanted[step]
    )
    return dict(content)


def _read(path: Path, scores: Path, key: str) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # A task that was evaluated before the model changed is not among its scores.
        stale = scores.is_file() and key not in json.loads(scores.read_text("utf-8"))["tasks"]
    except FileNotFoundError:
        raise Unfit("no results") from None
    except (ValueError, KeyError, TypeError):
        raise Unfit(f"{path} or {scores} is broken") from None
    if stale:
        raise Unfit("results of a model that is not the one evaluated last")
    return content


def _checked(content: Any, wanted: Mapping[str, int], fields: Sequence[str]) -> Predictions:
    try:
        counts = {
            name.lower(): sum(all(field in each for field in fields) for each in one["predictions"])
            for name, one in content.items()
        }
    except (AttributeError, KeyError, TypeError):
        raise Unfit("predictions of another form") from None
    _refuse(
        f"{name} has {counts.get(name, 0):,} predictions, not {wanted.get(name, 0):,}"
        for name in dict.fromkeys((*wanted, *counts))
        if counts.get(name, 0) != wanted.get(name, 0)
    )
    return dict(content)


def _refuse(faults: Iterable[str]) -> None:
    named = list(faults)
    if named:
        more = f", and {len(named) - NAMED} more like that" if len(named) > NAMED else ""
        raise Unfit(", ".join(named[:NAMED]) + more)


def group_scores(content: Predictions, items: Sequence[Item]) -> dict[str, float]:
    """The official score of each group, accuracies as fractions, of WUG Spearman's correlation.

    Raises:
        Unfit: the predictions were made from other items.
    """
    by_uid: dict[str, list[Item]] = {uid: [] for uid in content}
    for item in items:
        by_uid.setdefault(item.uid, []).append(item)
    found = {}
    for uid, some in by_uid.items():
        made = content.get(uid, {"predictions": []})["predictions"]
        answers = [[candidate.answer for candidate in item.candidates] for item in some]
        if len(made) != len(some) or any(
            each["pred"] not in those for each, those in zip(made, answers, strict=True)
        ):
            raise Unfit(f"predictions of {uid} that were made from other items than data_dir's")
        if some[0].ratio is None:
            hits = [each["pred"] == right for each, (right, *_) in zip(made, answers, strict=True)]
            found[uid] = sum(hits) / len(hits)
        else:
            share_N, ratio_N = (
                np.array(each)
                for each in ([one["prob"] for one in made], [item.ratio for item in some])
            )
            found[uid] = float(spearman(share_N, ratio_N))
    return found


def reading_scores(content: Predictions, table: reading.Table) -> dict[str, float]:
    """``spr`` and ``rt``: what a model explains of self-paced reading and of eye tracking."""
    made = content["reading"]["predictions"]
    pred_N2 = np.array([[each["pred"], each["prev_pred"]] for each in made], dtype=np.float64)
    shares = reading.shares(table, pred_N2)
    return {"spr": shares["self_paced"] / 100, "rt": shares["eye_tracking"] / 100}

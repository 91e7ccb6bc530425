"""Reads predictions in the official format, checks the leaderboard's requirements, and scores them.

Shapes: N words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from amlm.evaluation import results
from amlm.evaluation.figures import spearman
from amlm.evaluation.finetuning.finetune import inputs_of
from amlm.evaluation.finetuning.outcome import differences
from amlm.evaluation.finetuning.train_task import Recipe
from amlm.evaluation.rules import Rules
from amlm.evaluation.submission import sizes
from amlm.evaluation.zero_shot import reading
from amlm.evaluation.zero_shot.items import Item

Predictions = dict[str, dict[str, list[dict[str, Any]]]]
FIELDS = {"wug_adj": "prob", "wug_past": "prob", "reading": "prev_pred"}  # besides id and pred
OTHER_DATA = "results from other data than data_dir's"
NAMED = 3  # problems that are listed individually


class NotSubmittable(Exception):
    """Says why results cannot be submitted."""


def zero_shot(
    folder: Path, rules: Rules, backend: str, name: str, suite: str, made_from: str | None
) -> Predictions:
    """The predictions of a zero-shot task in a folder ``results/<model>/<revision>``.

    Args:
        made_from: of the data that there is now, see `run_tasks.made_from`; None if there is none.

    Raises:
        NotSubmittable: they are missing, incomplete, or made with another model, by other rules, or
            from other data.
    """
    task = rules.tasks[name]
    inner = (task.official, task.paths[suite][0]) if task.reader else (name,)
    path = results.predictions_folder(folder, backend, *inner) / "predictions.json"
    content = _read(path, folder / results.SCORES_FILE, inner[-1], rules, made_from)
    fields = "id", "pred", FIELDS.get(name, "id")
    return _check(content, sizes.SIZES[rules.year][suite][name], fields, task.keyed)


def fine_tuned(
    folder: Path, name: str, recipe: Recipe, seed: int, data: Callable[[], str | None]
) -> Predictions:
    """The predictions of a fine-tuning task made with these settings; see `zero_shot`.

    Args:
        data: the digest of the items that there are now, or None.
    """
    path, scores = (
        folder / "finetune" / each for each in (f"{name}/predictions.json", "scores.json")
    )
    content = _read(path, scores, name)
    if made := results.read_json(scores).get("tasks", {}).get(name):
        _raise_if_any(differences(made, recipe, seed))
        model = str(results.read_json(scores).get("fingerprint"))
        outcome = results.read_json(path.with_name(f"seed{seed}.json"))
        now = data()
        if now and outcome.get("fingerprint") != inputs_of(name, seed, recipe, now, model):
            raise NotSubmittable(OTHER_DATA)
    return _check(content, {name: sizes.GLUE[name]}, ("id", "pred"))


def age_of_acquisition(
    folder: Path, rules: Rules, backend: str, steps: Sequence[str], made_from: str | None
) -> dict[str, Any]:
    """The submission's keys of this task: ``surprisal.json`` with all contexts at exactly these
    checkpoints, and where the rules want it ``aoa_score.json``; see `zero_shot`.
    """
    place = results.predictions_folder(folder, backend, rules.tasks["aoa"].official)
    scores = folder / results.SCORES_FILE
    read = partial(_read, scores=scores, key="aoa", rules=rules, made_from=made_from)
    content = read(path := place / "surprisal.json")
    try:
        counts = Counter(line["step"] for line in content["results"] if "surprisal" in line)
    except (KeyError, TypeError):
        raise NotSubmittable(f"{path} is not in the official format") from None
    required = Counter(dict.fromkeys(steps, sizes.CONTEXTS))
    _raise_if_any(
        f"{step} has {counts[step]:,} contexts, not {required[step]:,}"
        for step in dict.fromkeys((*steps, *counts))
        if counts[step] != required[step]
    )
    if not rules.aoa_by_client:
        return {"aoa": content}
    score = read(path := place / "aoa_score.json")
    if not isinstance(score, dict) or not isinstance(score.get("aoa"), float):
        raise NotSubmittable(f"{path} is not in the official format")
    return {"aoa_surprisals": content, "aoa": score}


def _read(
    path: Path,
    scores: Path,
    key: str,
    rules: Rules | None = None,
    made_from: str | None = None,
) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # A task that was evaluated before the model or the rules changed is not in the scores file.
        last = json.loads(scores.read_text("utf-8")) if scores.is_file() else None
        stale = last is not None and key not in last["tasks"]
        year = last["rules"] if last is not None and rules is not None else None
        origin = last["tasks"].get(key, {}).get("made_from") if last is not None else made_from
    except FileNotFoundError:
        raise NotSubmittable("no results") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotSubmittable(f"{path} or {scores} is invalid") from None
    if stale:
        raise NotSubmittable("results of a different model than the one evaluated last")
    if rules is not None and year not in (None, rules.year):
        raise NotSubmittable(f"results by the rules of {year}, not {rules.year}")
    if made_from not in (None, origin):
        raise NotSubmittable(f"{OTHER_DATA}, or with another tie_seed")
    return content


def _check(
    content: Any, required: Mapping[str, int], fields: Sequence[str], keyed: bool = False
) -> Predictions:
    try:
        counts = {
            name.lower(): sum(all(field in each for field in fields) for each in one["predictions"])
            for name, one in content.items()
        }
        if keyed:  # one prediction for each key
            (group,) = required
            counts = {group: sum(count == 1 for count in counts.values())}
    except (AttributeError, KeyError, TypeError):
        raise NotSubmittable("predictions in another format") from None
    check_counts(counts, required, "predictions")
    return dict(content)


def check_counts(counts: Mapping[str, int], required: Mapping[str, int], what: str) -> None:
    """Raises `NotSubmittable` where a group has more or fewer of these than required."""
    _raise_if_any(
        f"{name} has {counts.get(name, 0):,} {what}, not {required.get(name, 0):,}"
        for name in dict.fromkeys((*required, *counts))
        if counts.get(name, 0) != required.get(name, 0)
    )


def _raise_if_any(problems: Iterable[str]) -> None:
    listed = list(problems)
    if listed:
        more = f", and {len(listed) - NAMED} more like that" if len(listed) > NAMED else ""
        raise NotSubmittable(", ".join(listed[:NAMED]) + more)


def group_scores(content: Predictions, items: Sequence[Item]) -> dict[str, float]:
    """The official score of each group: accuracy as a fraction, for WUG Spearman's correlation.

    Raises:
        NotSubmittable: the predictions belong to other items.
    """
    by_key: dict[str, list[Item]] = {key: [] for key in content}
    for item in items:
        by_key.setdefault(item.key or item.uid, []).append(item)
    hits: dict[str, list[bool]] = {}
    found = {}
    for key, group in by_key.items():
        predictions = content.get(key, {"predictions": []})["predictions"]
        answers = [[candidate.answer.strip() for candidate in item.candidates] for item in group]
        chosen = [str(each["pred"]).strip() for each in predictions]
        if len(chosen) != len(group) or any(
            each not in those for each, those in zip(chosen, answers, strict=True)
        ):
            raise NotSubmittable(f"predictions of {key} belong to other items than data_dir's")
        uid = group[0].uid
        if group[0].ratio is None:
            hits.setdefault(uid, []).extend(
                each == correct for each, (correct, *_) in zip(chosen, answers, strict=True)
            )
        else:
            prob_N, ratio_N = (
                np.array(each)
                for each in ([one["prob"] for one in predictions], [item.ratio for item in group])
            )
            found[uid] = float(spearman(prob_N, ratio_N))
    return {**found, **{uid: sum(each) / len(each) for uid, each in hits.items()}}


def reading_scores(content: Predictions, data: reading.ReadingTimes) -> dict[str, float]:
    """``spr`` and ``rt``: variance explained of self-paced reading and of eye-tracking times."""
    predictions = content["reading"]["predictions"]
    pred_N2 = np.array(
        [[each["pred"], each["prev_pred"]] for each in predictions], dtype=np.float64
    )
    explained = reading.official_scores(data, pred_N2)
    return {"spr": explained["self_paced"] / 100, "rt": explained["eye_tracking"] / 100}

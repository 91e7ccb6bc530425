"""Tasks that rank candidates: from items and scores to predictions and reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import torch

from amlm.evaluation.figures import (
    TIE,
    Figure,
    Floats,
    Report,
    accuracies,
    compare_candidates,
    interval,
    number,
    resample,
    spearman,
)
from amlm.evaluation.rules import Task
from amlm.evaluation.zero_shot.choices import Choices
from amlm.evaluation.zero_shot.items import Item, ids


def prob_of_first(scores: Floats) -> float:
    """Softmax probability of the first candidate, in float32 as in the official pipeline."""
    if not np.isfinite(scores).all():
        return 1 / len(scores)
    return float(torch.softmax(torch.tensor(scores, dtype=torch.float32), 0)[0])


def predictions(items: list[Item], scores: list[Floats], choices: Choices) -> dict[str, Any]:
    """The predictions of a task in the official format."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, item, each, n in zip(ids(items), items, scores, choices.chosen, strict=True):
        prediction: dict[str, Any] = {"id": name, "pred": item.candidates[n].answer}
        if item.ratio is not None:
            prediction["prob"] = prob_of_first(each)
        found[item.key or item.uid].append(prediction)
    return {key: {"predictions": each} for key, each in found.items()}


def report(task: Task, items: list[Item], scores: list[Floats], choices: Choices) -> Report:
    """The scores of a task: accuracy, or Spearman's correlation with people's choices."""
    found = compare_candidates(scores, choices.official_N, choices.expected_N)
    names = zip(ids(items), found.scored_N, strict=True)
    too_long = [name for name, scored in names if not scored]
    if items[0].ratio is not None:
        return Report({"Spearman": _correlate_with_people(items, scores)}, {}, too_long)
    uids = [item.uid for item in items]
    weights = _weights(uids, task.mean_of)
    by_uid, total = accuracies(found, uids, weights)
    groups = {"uid": by_uid}
    for grouping in items[0].groups:
        groups[grouping], _ = accuracies(found, [item.groups[grouping] for item in items])
    hits: dict[str, str] = defaultdict(str)
    for uid, hit in zip(uids, found.hit_N, strict=True):
        hits[uid] += str(int(hit))
    return Report({"accuracy": total}, groups, too_long, dict(hits) if weights is None else {})


def _weights(uids: list[str], prefixes: tuple[str, ...]) -> dict[str, float] | None:
    """Weights that give each split, and each group within a split, equal weight."""
    split = {uid: next((p for p in prefixes if uid.startswith(p)), "") for uid in set(uids)}
    sizes = Counter(split.values())
    if set(sizes) == {""}:
        return None
    return {uid: 1 / sizes[name] if name else 0.0 for uid, name in split.items()}


def _correlate_with_people(items: list[Item], scores: list[Floats]) -> Figure:
    # Our score ranks by the difference of the scores. The official one ranks by their softmax in
    # float32, which is 1 for all clear cases, so that they tie.
    ratio_N = np.array([item.ratio for item in items])
    lead_N = np.array([each[0] - each[1] for each in scores])
    kept_N = np.isfinite(lead_N)
    prob_N = np.array([prob_of_first(each) for each in scores])
    drawn_RN = resample(int(kept_N.sum()))
    lead, ratio = lead_N[kept_N], ratio_N[kept_N]
    low, high = interval(spearman(lead[drawn_RN], ratio[drawn_RN])) if len(lead) else (None, None)
    return Figure(
        number(spearman(lead, ratio)) if len(lead) else None,
        low,
        high,
        number(spearman(prob_N, ratio_N)),
        float(100 * (np.abs(lead) <= TIE).sum() / len(items)),
        len(items),
        int((~kept_N).sum()),
    )

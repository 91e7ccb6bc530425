"""What the trainings of a task amount to, in numbers and as a table.

Shapes: S seeds, N items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from amlm.evaluation.finetuning.glue_metrics import METRICS, WITH_INTERVAL, interval, score
from amlm.evaluation.finetuning.glue_tasks import Pair, Task


@dataclass(frozen=True)
class Outcome:
    """One training of one task.

    Attributes:
        fingerprint: of all that went into it.
        epoch: the best one, counted from 1.
        scores: of that epoch, by metric.
        predictions: of that epoch, a label per validation item.
        history: the scores of every epoch.
    """

    fingerprint: str
    epoch: int
    scores: dict[str, float]
    predictions: list[int]
    history: list[dict[str, float]]


def summarise(
    task: Task, train: Sequence[Pair], valid: Sequence[Pair], outcomes: Mapping[int, Outcome]
) -> dict[str, Any]:
    """The scores of a task in per cent, as the official figures are.

    Args:
        task: says which metric counts.
        train, valid: its items.
        outcomes: by seed.

    Returns: ``totals``, by metric the mean over seeds as ``score`` and its interval ``low`` to
        ``high`` (none of MCC); ``metric``, the one that counts; ``constant``, what always answering
        the commonest label gets by it; ``items``; ``seeds``, the metrics and best epoch of each.
    """
    labels_N = torch.tensor([pair.label for pair in valid])
    predictions_SN = torch.tensor([outcome.predictions for outcome in outcomes.values()])
    train_labels = torch.tensor([pair.label for pair in train])
    constant_N = train_labels.bincount().argmax().expand(len(valid))
    seeds = {
        str(seed): {name: 100 * outcome.scores[name] for name in METRICS} | {"epoch": outcome.epoch}
        for seed, outcome in outcomes.items()
    }
    totals: dict[str, dict[str, float | None]] = {}
    for name in METRICS:
        low = high = None
        if name in WITH_INTERVAL:
            low, high = (
                100 * bound for bound in interval(predictions_SN, labels_N, task.labels, name)
            )
        mean = sum(each[name] for each in seeds.values()) / len(seeds)
        totals[name] = {"score": mean, "low": low, "high": high}
    return {
        "metric": task.metric,
        "totals": totals,
        "constant": 100 * score(constant_N, labels_N, task.labels)[task.metric],
        "items": len(valid),
        "seeds": seeds,
    }


def table(scores: Mapping[str, Any]) -> str:
    """Scores as people read them: a line for each seed, and one for their mean."""
    lines = [f"{'task':10}{'seed':>8}{'accuracy':>10}{'F1':>8}{'MCC':>8}   best epoch"]

    def add(name: str, seed: str, values: Mapping[str, float], more: str) -> None:
        numbers = f"{values['accuracy']:10.1f}{values['f1']:8.1f}{values['mcc']:8.1f}"
        lines.append(f"{name:10}{seed:>8}{numbers}   {more}")

    for name, each in scores.items():
        for seed, values in each["seeds"].items():
            add(name, seed, values, str(values["epoch"]))
        counts = each["totals"][each["metric"]]
        means = {metric: figure["score"] for metric, figure in each["totals"].items()}
        interval_text = f"95 % interval over items {counts['low']:.1f} to {counts['high']:.1f}"
        constant = f"always the commonest label {each['constant']:.1f}"
        add(name, "mean", means, f"{each['metric']}: {interval_text}; {constant}")
    return "\n".join(lines)

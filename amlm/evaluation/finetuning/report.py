"""What the trainings of a task amount to, in numbers and as a table.

Shapes: S seeds, N items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from amlm.evaluation.finetuning.metrics import METRICS, interval, score
from amlm.evaluation.finetuning.tasks import Pair, Task


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

    Returns: means over seeds by metric; ``low`` and ``high``, the interval of the one that counts;
        ``constant``, what always answering the commonest label gets; the metrics by seed.
    """
    labels_N = torch.tensor([pair.label for pair in valid])
    predictions_SN = torch.tensor([outcome.predictions for outcome in outcomes.values()])
    train_labels = torch.tensor([pair.label for pair in train])
    constant_N = train_labels.bincount().argmax().expand(len(valid))
    low, high = interval(predictions_SN, labels_N, task.labels, task.metric)
    seeds = {
        str(seed): {name: 100 * outcome.scores[name] for name in METRICS} | {"epoch": outcome.epoch}
        for seed, outcome in outcomes.items()
    }
    return {
        "metric": task.metric,
        **{name: sum(each[name] for each in seeds.values()) / len(seeds) for name in METRICS},
        "low": 100 * low,
        "high": 100 * high,
        "constant": 100 * score(constant_N, labels_N, task.labels)[task.metric],
        "items": len(valid),
        "seeds": seeds,
    }


def table(scores: Mapping[str, Any]) -> str:
    """Scores as people read them."""
    lines = [f"{'task':10}{'seed':>8}{'accuracy':>10}{'F1':>8}{'MCC':>8}   best epoch"]
    for name, each in scores.items():
        rows = [(seed, values, values["epoch"]) for seed, values in each["seeds"].items()]
        for seed, values, epoch in rows:
            lines.append(
                f"{name:10}{seed:>8}{values['accuracy']:10.1f}{values['f1']:8.1f}"
                f"{values['mcc']:8.1f}   {epoch}"
            )
        lines.append(
            f"{name:10}{'mean':>8}{each['accuracy']:10.1f}{each['f1']:8.1f}{each['mcc']:8.1f}   "
            f"{each['metric']} {each[each['metric']]:.1f}, 95 % interval over {each['items']:,} "
            f"items {each['low']:.1f} to {each['high']:.1f}; always the commonest label "
            f"{each['constant']:.1f}"
        )
    return "\n".join(lines)

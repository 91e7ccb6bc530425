"""The outcome of fine-tuning on a task, as numbers and as a text table.

Shapes: S seeds, N items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from amlm.evaluation.finetuning.glue_metrics import METRICS, WITH_INTERVAL, interval, score
from amlm.evaluation.finetuning.glue_tasks import Pair, Task
from amlm.evaluation.finetuning.train_task import Recipe

# The outcome of one seed as it is cached: `epoch`, the best one, counted from 1; its `scores` by
# metric and its `predictions` of the validation items; `history`, the scores of every epoch;
# `fingerprint`, a hash of all inputs.
Outcome = Mapping[str, Any]


def summarise(
    task: Task, train: Sequence[Pair], valid: Sequence[Pair], outcomes: Mapping[int, Outcome]
) -> dict[str, Any]:
    """The scores of a task in per cent, like the official ones.

    Returns: ``totals``, by metric the mean over seeds ``score`` and its interval ``low`` to
        ``high`` (none for MCC); ``metric``, the main metric; ``constant``, the score of always
        predicting the most frequent label; ``items``; ``seeds``, metrics and best epoch by seed.
    """
    labels_N = torch.tensor([pair.label for pair in valid])
    predictions_SN = torch.tensor([outcome["predictions"] for outcome in outcomes.values()])
    train_labels = torch.tensor([pair.label for pair in train])
    constant_N = train_labels.bincount().argmax().expand(len(valid))
    seeds = {
        str(seed): {name: 100 * outcome["scores"][name] for name in METRICS}
        | {"epoch": outcome["epoch"]}
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


def differences(made: Mapping[str, Any], recipe: Recipe, seed: int) -> list[str]:
    """In what the settings of a task's entry in ``scores.json`` differ from these."""
    wanted = {**asdict(recipe), "seed": str(seed)}
    used = {**made.get("recipe", {}), "seed": next(iter(made.get("seeds", {})), None)}
    return [
        f"made with {key} {used.get(key)}, not {value}"
        for key, value in wanted.items()
        if used.get(key) != value
    ]


def format_scores(scores: Mapping[str, Any]) -> str:
    """The scores as a text table: one line per seed, and one for the mean."""
    lines = [f"{'task':10}{'seed':>8}{'accuracy':>10}{'F1':>8}{'MCC':>8}   best epoch"]

    def add(name: str, seed: str, values: Mapping[str, float], note: str) -> None:
        numbers = f"{values['accuracy']:10.1f}{values['f1']:8.1f}{values['mcc']:8.1f}"
        lines.append(f"{name:10}{seed:>8}{numbers}   {note}")

    for name, each in scores.items():
        for seed, values in each["seeds"].items():
            add(name, seed, values, str(values["epoch"]))
        main = each["totals"][each["metric"]]
        means = {metric: figure["score"] for metric, figure in each["totals"].items()}
        interval_text = f"95 % interval over items {main['low']:.1f} to {main['high']:.1f}"
        constant = f"most frequent label {each['constant']:.1f}"
        add(name, "mean", means, f"{each['metric']}: {interval_text}; {constant}")
    return "\n".join(lines)

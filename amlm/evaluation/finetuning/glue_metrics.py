"""Accuracy, F1 and MCC of predicted labels, from `torchmetrics`, and confidence intervals.

F1 is that of label 1 for two labels, and the macro average for more.

Shapes: S seeds, N items, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.functional import accuracy, f1_score, matthews_corrcoef

METRICS = ("accuracy", "f1", "mcc")
WITH_INTERVAL = ("accuracy", "f1")
RESAMPLES = 1_000
CHUNK = 50  # resamples scored at a time, to bound memory


def _measure(metric: str, labels: int) -> Callable[..., Tensor]:
    task: Literal["binary", "multiclass"] = "binary" if labels == 2 else "multiclass"
    if metric == "accuracy":
        return partial(accuracy, task=task, num_classes=labels)
    return partial(f1_score, task=task, num_classes=labels, average="macro")


def score(predictions_N: Tensor, labels_N: Tensor, labels: int) -> dict[str, float]:
    """The three metrics of a task with `labels` labels, as fractions by name.

    MCC is 0 if all predictions, or all labels, are equal, as in scikit-learn, which the official
    pipeline uses. In torchmetrics it depends on an epsilon in this case, which is common with weak
    models.
    """
    found = {name: _measure(name, labels)(predictions_N, labels_N) for name in WITH_INTERVAL}
    if all((each_N != each_N[0]).any() for each_N in (predictions_N, labels_N)):
        found["mcc"] = matthews_corrcoef(predictions_N, labels_N, "multiclass", num_classes=labels)
    return {name: float(found.get(name, 0)) for name in METRICS}


def interval(
    predictions_SN: Tensor, labels_N: Tensor, labels: int, metric: str
) -> tuple[float, float]:
    """95 % bootstrap interval over items of a metric of `WITH_INTERVAL`, averaged over seeds."""
    measure = _measure(metric, labels)
    draw = torch.Generator().manual_seed(0)
    means = []
    for _ in range(0, RESAMPLES, CHUNK):
        item_RN = torch.randint(len(labels_N), (CHUNK, len(labels_N)), generator=draw)
        scores = [
            measure(predictions_N[item_RN], labels_N[item_RN], multidim_average="samplewise")
            for predictions_N in predictions_SN
        ]
        means.append(torch.stack(scores).double().mean(0))
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.double))
    return float(low), float(high)

"""Accuracy, F1 and MCC of predicted labels, from `torchmetrics`, and confidence intervals.

F1 is that of label 1 for two labels, and the macro average for more.

Shapes: S seeds, N items, C labels averaged over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional import accuracy, f1_score, matthews_corrcoef

from amlm.evaluation.intervals import jeffreys

METRICS = ("accuracy", "f1", "mcc")
WITH_INTERVAL = ("accuracy", "f1")


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
    """95 % interval over items of a metric of `WITH_INTERVAL`: the mean of the seeds' limits.

    F1 of a label is 2J / (1 + J), where J is the proportion of hits among the items with that label
    or prediction, so that Jeffreys' limits of J are those of F1. Limits are averaged over seeds
    and, for more than two labels, over labels, as if all erred together: the interval is never too
    narrow because of items that they share.
    """
    limits = []
    for predictions_N in predictions_SN:
        if metric == "accuracy":
            hits_C = (predictions_N == labels_N).sum()[None]
            low_C, high_C = jeffreys(hits_C, len(labels_N) - hits_C)
        else:
            label_C1 = torch.tensor([1] if labels == 2 else range(labels))[:, None]
            predicted_CN, true_CN = predictions_N == label_C1, labels_N == label_C1
            hits_C, misses_C = (predicted_CN & true_CN).sum(1), (predicted_CN ^ true_CN).sum(1)
            # A label that neither occurs nor is predicted does not count in the average.
            occurs_C = hits_C + misses_C > 0 if labels > 2 else slice(None)
            jaccard = jeffreys(hits_C[occurs_C], misses_C[occurs_C])
            low_C, high_C = (2 * each_C / (1 + each_C) for each_C in jaccard)
        limits.append((low_C.mean(), high_C.mean()))
    low, high = np.mean(limits, axis=0)
    return float(low), float(high)

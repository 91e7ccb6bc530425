"""Accuracy, F1 and MCC of predicted labels, from `torchmetrics`, and confidence intervals.

F1 is that of label 1 for two labels, and the macro average for more.

Shapes: S seeds, N items, R resamples.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassMatthewsCorrCoef,
)
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_f1_score,
    multiclass_accuracy,
    multiclass_f1_score,
)

METRICS = ("accuracy", "f1", "mcc")
WITH_INTERVAL = ("accuracy", "f1")
RESAMPLES = 1_000
CHUNK = 50  # resamples scored at a time, to bound memory


class MatthewsCorrCoef(MulticlassMatthewsCorrCoef):
    """MCC that is 0 if all predictions, or all labels, are equal.

    This matches scikit-learn, which the official pipeline uses. In torchmetrics the result depends
    on an epsilon in this case, which is common with weak models.
    """

    def compute(self) -> Tensor:
        counts_CC = self.confmat
        if any((counts_CC.sum(axis) > 0).sum() < 2 for axis in (0, 1)):
            return torch.zeros((), device=counts_CC.device)
        return super().compute()


def make_metrics(labels: int) -> MetricCollection:
    """The three metrics of a task with `labels` labels; call them with predictions and labels."""
    accuracy, f1 = (
        (BinaryAccuracy(), BinaryF1Score())
        if labels == 2
        else (
            MulticlassAccuracy(labels, average="micro"),
            MulticlassF1Score(labels, average="macro"),
        )
    )
    return MetricCollection(
        {"accuracy": accuracy, "f1": f1, "mcc": MatthewsCorrCoef(labels)}, compute_groups=False
    )


def score(predictions_N: Tensor, labels_N: Tensor, labels: int) -> dict[str, float]:
    """The three metrics by name."""
    metrics = make_metrics(labels)
    metrics.update(predictions_N, labels_N)
    return {name: float(value) for name, value in metrics.compute().items()}


def interval(
    predictions_SN: Tensor, labels_N: Tensor, labels: int, metric: str, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval over items of a metric, averaged over seeds.

    Args:
        predictions_SN: predicted labels of each seed.
        labels_N: gold labels.
        labels: number of labels.
        metric: one of `WITH_INTERVAL`.
        seed: seed of the resamples.
    """
    two: dict[str, Any] = {"accuracy": binary_accuracy, "f1": binary_f1_score}
    more: dict[str, Any] = {
        "accuracy": partial(multiclass_accuracy, num_classes=labels, average="micro"),
        "f1": partial(multiclass_f1_score, num_classes=labels, average="macro"),
    }
    measure = (two if labels == 2 else more)[metric]
    draw = torch.Generator().manual_seed(seed)
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

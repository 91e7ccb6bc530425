"""The LightningModule for fine-tuning on one task, with the official recipe.

The recipe's quirks are kept: the learning rate of the first step is 0, and weight decay also
applies to biases. Shapes: B batch, C labels, N items.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from amlm.evaluation.finetuning.batches import Batch
from amlm.evaluation.finetuning.classifier import Classifier
from amlm.evaluation.finetuning.glue_metrics import make_metrics
from amlm.optim.learning_rate import cosine_with_warmup
from amlm.util.progress_bar import progress_bar
from amlm.util.seeds import derived_seed

BETAS = (0.9, 0.999)
EPS = 1e-8
WEIGHT_DECAY = 0.01
WARMUP = 0.06  # fraction of all steps
FINAL_RATIO = 0.1  # of the learning rate


def rate_factor(step: int, total_steps: int) -> float:
    """Learning-rate multiplier at a step counted from 0: linear warm-up, then cosine decay."""
    warmup = int(WARMUP * total_steps)
    if step < warmup:
        return step / warmup
    return cosine_with_warmup(step, total_steps, warmup, FINAL_RATIO)


@dataclass
class Epochs:
    """Validation results of the epochs so far.

    Attributes:
        scores: the three metrics after each epoch.
        best: the best epoch, counted from 1; of several equally good ones, the first.
        predictions_N: predictions for the validation items after the best epoch.
    """

    scores: list[dict[str, float]] = field(default_factory=list)
    best: int = 0
    predictions_N: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))

    def add(self, scores: dict[str, float], predictions_N: Tensor, metric: str) -> None:
        """Adds an epoch, which becomes the best one if its metric is higher."""
        if not self.scores or scores[metric] > self.scores[self.best - 1][metric]:
            self.best, self.predictions_N = len(self.scores) + 1, predictions_N
        self.scores.append(scores)


class FineTuning(L.LightningModule):
    """Trains a classifier and collects its validation results in `epochs`.

    The weights of the best epoch are not kept, because its predictions for the validation items are
    already known.

    Args:
        classifier: encoder and head.
        labels: C.
        metric: the metric that selects the best epoch.
        lr: peak learning rate.
        total_steps: number of optimizer steps.
        seed: together with the step, determines dropout.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        labels: int,
        metric: str,
        lr: float,
        total_steps: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.metric = metric
        self.lr = lr
        self.total_steps = total_steps
        self.seed = seed
        self.metrics = make_metrics(labels)
        self.epochs = Epochs()
        self._predictions: list[Tensor] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # Dropout depends on seed and step only, not on earlier draws.
        torch.manual_seed(derived_seed(self.seed, "dropout", self.global_step))
        return F.cross_entropy(self.classifier(batch.ids_BL, batch.mask_BL), batch.labels_B)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        predictions_B = self.classifier(batch.ids_BL, batch.mask_BL).argmax(-1)
        self.metrics.update(predictions_B, batch.labels_B)
        self._predictions.append(predictions_B)

    def on_validation_epoch_end(self) -> None:
        scores = {name: float(value) for name, value in self.metrics.compute().items()}
        self.epochs.add(scores, torch.cat(self._predictions).cpu(), self.metric)
        self.metrics.reset()
        self._predictions.clear()

    def configure_optimizers(self) -> Any:
        optimizer = AdamW(
            self.classifier.parameters(),
            lr=self.lr,
            betas=BETAS,
            eps=EPS,
            weight_decay=WEIGHT_DECAY,
            fused=True,
        )
        scheduler = LambdaLR(optimizer, lambda step: rate_factor(step, self.total_steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class Bar(L.Callback):
    """A progress bar over all steps, with the scores of the last and of the best epoch."""

    def __init__(self, title: str, total_steps: int) -> None:
        self.bar = progress_bar(total=total_steps, desc=title, unit=" steps")

    def on_train_batch_end(self, *_: Any) -> None:
        self.bar.update()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, FineTuning)
        epochs, metric = pl_module.epochs, pl_module.metric
        last, best = epochs.scores[-1][metric], epochs.scores[epochs.best - 1][metric]
        self.bar.set_postfix_str(
            f"epoch {len(epochs.scores)}, {metric} {last:.3f}, best {best:.3f}"
        )

    def teardown(self, *_: Any, **__: Any) -> None:
        self.bar.close()

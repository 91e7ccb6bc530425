"""The LightningModule for fine-tuning on one task, with the official recipe.

The recipe's quirks are kept: the learning rate of the first step is 0, and weight decay also
applies to biases. Shapes: B batch, C labels, N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from amlm.evaluation.finetuning.batches import Batch
from amlm.evaluation.finetuning.classifier import Classifier
from amlm.evaluation.finetuning.glue_metrics import score
from amlm.evaluation.finetuning.glue_tasks import Task
from amlm.optim.learning_rate import cosine_from_zero
from amlm.util.progress_bar import progress_bar
from amlm.util.seeds import derived_seed

WARMUP = 0.06  # fraction of all steps
FINAL_RATIO = 0.1  # of the learning rate


def best_epoch(history: Sequence[dict[str, float]], metric: str) -> int:
    """The index of the best epoch; of several equally good ones, the first."""
    values = [scores[metric] for scores in history]
    return values.index(max(values))


class FineTuning(L.LightningModule):
    """Trains a classifier, and collects its validation results after each epoch: the three metrics
    in `history`, the predicted labels in `predictions`.

    The weights of the best epoch are not kept, because its predictions are already known.
    """

    def __init__(
        self, classifier: Classifier, task: Task, *, lr: float, total_steps: int, seed: int
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.task = task
        self.lr = lr
        self.total_steps = total_steps
        self.seed = seed
        self.history: list[dict[str, float]] = []
        self.predictions: list[list[int]] = []
        self._validated: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # Dropout depends on seed and step only, not on earlier draws.
        torch.manual_seed(derived_seed(self.seed, "dropout", self.global_step))
        return F.cross_entropy(self.classifier(batch.ids_BL, batch.mask_BL), batch.labels_B)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits_BC = self.classifier(batch.ids_BL, batch.mask_BL)
        self._validated.append((logits_BC.argmax(-1), batch.labels_B))

    def on_validation_epoch_end(self) -> None:
        predictions_N, labels_N = (
            torch.cat(each).cpu() for each in zip(*self._validated, strict=True)
        )
        self.history.append(score(predictions_N, labels_N, self.task.labels))
        self.predictions.append(predictions_N.tolist())
        self._validated.clear()

    def configure_optimizers(self) -> Any:
        # torch's betas, epsilon and weight decay are the recipe's.
        optimizer = AdamW(self.classifier.parameters(), lr=self.lr, fused=True)
        scheduler = LambdaLR(
            optimizer, lambda step: cosine_from_zero(step, self.total_steps, WARMUP, FINAL_RATIO)
        )
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
        history, metric = pl_module.history, pl_module.task.metric
        last, best = (history[epoch][metric] for epoch in (-1, best_epoch(history, metric)))
        self.bar.set_postfix_str(f"epoch {len(history)}, {metric} {last:.3f}, best {best:.3f}")

    def teardown(self, *_: Any, **__: Any) -> None:
        self.bar.close()

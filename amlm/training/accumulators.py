"""Sums behind the metrics of a run, kept on the device until a record is written.

Shapes: M labelled positions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchmetrics import SumMetric

from amlm.masking.keep_dtype import KeepDtype
from amlm.masking.signals import Predictions


class Window(KeepDtype):
    """Sums over training since the last ``train`` record, saved in checkpoints.

    Maskable positions and steps are known to the host and counted there.
    """

    sums_5: Tensor  # loss, correct, labelled, saturated share, gradient norm
    finite_2: Tensor  # int64, steps until the sum of losses, of gradient norms was not finite

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums_5", torch.zeros(5, dtype=torch.float64))
        self.register_buffer("finite_2", torch.zeros(2, dtype=torch.int64))
        self.maskable = 0
        self.expected = 0.0
        self.steps = 0.0
        # Of the last closed window: all steps, and those until a loss or gradient was not finite.
        self.closed_steps = self.finite_steps = 0

    def get_extra_state(self) -> tuple[int, float, float]:
        return self.maskable, self.expected, self.steps

    def set_extra_state(self, state: tuple[int, float, float]) -> None:
        self.maskable, self.expected, self.steps = state

    @torch.no_grad()
    def add(
        self, seen: Predictions, maskable: int, ratio: float, saturated: Tensor, share: float
    ) -> None:
        """Adds a micro-batch, which is a fraction ``share`` of the step."""
        sums = [seen.nll_M.sum(), seen.correct_M.sum(), seen.valid_M.sum(), saturated * share]
        self.sums_5[:4] += torch.stack([each.double() for each in sums])
        self.maskable += maskable
        self.expected += maskable * ratio
        self.steps += share

    @torch.no_grad()
    def add_gradient_norm(self, norm: Tensor) -> None:
        """Adds the norm of a step's gradient, before clipping."""
        self.sums_5[4] += norm.double()
        self.finite_2 += self.sums_5[::4].isfinite()  # a sum stays infinite or NaN

    def close(self, reduce: Callable[[Tensor], Tensor], ranks: int) -> dict[str, float]:
        """Means over the window, which is then reset; ``reduce`` sums over all ``ranks``.

        Returns: loss (nats per label), accuracy, target and realised mask ratio, fraction of
            maskable positions with masking probability 1, norm of the gradient before clipping.
        """
        host_3 = torch.tensor([self.maskable, self.expected, self.steps], dtype=torch.float64)
        on_device = [self.sums_5, self.finite_2.double(), host_3.to(self.sums_5.device)]
        totals = reduce(torch.cat(on_device)).tolist()
        nll, correct, labelled, saturated, norm, *finite, maskable, expected, steps = totals
        whole_steps = max(steps, ranks) / ranks
        # Mostly one rank's loss is the first, and its step is what the others' counts leave.
        self.closed_steps = round(whole_steps)
        self.finite_steps = int(min(finite[0] - (ranks - 1) * whole_steps, finite[1] / ranks))
        self.sums_5.zero_()
        self.finite_2.zero_()
        self.maskable, self.expected, self.steps = 0, 0.0, 0.0
        return {
            "loss": nll / max(labelled, 1),
            "accuracy": correct / max(labelled, 1),
            "ratio": expected / max(maskable, 1),
            "realised_ratio": labelled / max(maskable, 1),
            "saturated": saturated / ranks / whole_steps,
            "gradient_norm": norm / ranks / whole_steps,
        }


class Validation(KeepDtype):
    """Means over one validation: loss (nats per label) and accuracy.

    Args:
        of_batches: take the mean of the batches' means, as the authors' script does, in place of
            the mean over all labels.
    """

    def __init__(self, of_batches: bool = False) -> None:
        super().__init__()
        self.of_batches = of_batches
        # Sums, not means: torchmetrics 1.9 ignores the weights of a mean that is told to keep NaN,
        # and a NaN must show.
        self.nll, self.correct, self.labelled = (self._sum() for _ in range(3))

    @staticmethod
    def _sum() -> SumMetric:
        metric = SumMetric(nan_strategy="disable")
        metric.set_dtype(torch.float64)
        return metric

    def add(self, seen: Predictions) -> None:
        sums = [each.double().sum() for each in (seen.nll_M, seen.correct_M, seen.valid_M)]
        if self.of_batches:
            sums = [each / sums[2].clamp(min=1) for each in sums]
        for metric, value in zip((self.nll, self.correct, self.labelled), sums, strict=True):
            metric.update(value)

    def close(self) -> dict[str, float]:
        """The means over all ranks; the sums are then reset."""
        nll, correct, labelled = (
            float(each.compute()) for each in (self.nll, self.correct, self.labelled)
        )
        for each in (self.nll, self.correct, self.labelled):
            each.reset()
        return {"loss": nll / labelled, "accuracy": correct / labelled}

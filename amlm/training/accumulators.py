"""Sums behind the metrics of a run, kept on the device until a record is written.

Shapes: M labelled positions, V token types, K classes of types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from amlm.masking.controls import octaves
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

    def totals(self, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """All sums over all ranks: the five, the two, maskable and expected positions, steps."""
        host_3 = torch.tensor([self.maskable, self.expected, self.steps], dtype=torch.float64)
        on_device = [self.sums_5, self.finite_2.double(), host_3.to(self.sums_5.device)]
        return reduce(torch.cat(on_device))

    def gather(self, reduce: Callable[[Tensor], Tensor], first: bool) -> None:
        """Moves the sums of all ranks to the first, which saves them."""
        totals = self.totals(reduce) * first
        self.sums_5.copy_(totals[:5])
        self.finite_2.copy_(totals[5:7])
        maskable, self.expected, self.steps = totals[7:].tolist()
        self.maskable = round(maskable)

    def close(self, reduce: Callable[[Tensor], Tensor], ranks: int) -> dict[str, float]:
        """Means over the window, which is then reset; ``reduce`` sums over all ``ranks``.

        Returns: loss (nats per label), accuracy, target and realised mask ratio, fraction of
            maskable positions with masking probability 1, norm of the gradient before clipping.
        """
        totals = self.totals(reduce).tolist()
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


class Sums(Metric):
    """Sums over a validation and over ranks, exact where they are counts."""

    sums_3: Tensor  # float64: loss, correct, labelled
    types_2V: Tensor  # int64: labelled and correct by token type

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        of_types = torch.zeros(2, vocab_size, dtype=torch.int64)
        self.add_state("sums_3", torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("types_2V", of_types, dist_reduce_fx="sum")

    def update(self, seen: Predictions, of_batch: bool) -> None:
        sums = [each.double().sum() for each in (seen.nll_M, seen.correct_M, seen.valid_M)]
        sums_3 = torch.stack(sums)
        self.sums_3 += sums_3 / sums_3[2].clamp(min=1) if of_batch else sums_3
        for sums_V, each_M in zip(self.types_2V, (seen.valid_M, seen.correct_M), strict=True):
            sums_V.index_add_(0, seen.labels_M, each_M.long())

    def compute(self) -> tuple[Tensor, Tensor]:
        return self.sums_3, self.types_2V


class Validation(KeepDtype):
    """Means over one validation: loss (nats per label) and accuracy, which weighs types by their
    frequency, and accuracies that do not.

    Args:
        counts_V: occurrences of each type in the training text, on the host; those of an octave
            (`amlm.masking.controls.octaves`) are a bin.
        parts: part of speech of each type.
        of_batches: take loss and accuracy as the mean of the batches' means, as the authors' script
            does, in place of the mean over all labels.
    """

    def __init__(self, counts_V: Tensor, parts: Sequence[str], of_batches: bool = False) -> None:
        super().__init__()
        self.of_batches = of_batches
        self.sums = Sums(len(counts_V))
        names = sorted(set(parts))
        numbers = {name: number for number, name in enumerate(names)}
        part_V = torch.tensor([numbers[part] for part in parts])
        bins = [f"{2**octave - 1}-{2 ** (octave + 1) - 2}" for octave in range(64)]
        self.classes = {
            "by_frequency": (octaves(counts_V), bins),
            "by_part_of_speech": (part_V, names),
        }

    def add(self, seen: Predictions) -> None:
        self.sums.update(seen, self.of_batches)

    def close(self) -> dict[str, Any]:
        """The means over all ranks; the sums are then reset.

        Returns: ``loss`` and ``accuracy`` over labels; ``accuracy_over_types`` and
            ``accuracy_over_bins``, means of the accuracies of all types and frequency bins that
            have labels; and those accuracies ``by_frequency`` and ``by_part_of_speech``.
        """
        (nll, correct, labelled), (labelled_V, correct_V) = (
            each.cpu() for each in self.sums.compute()
        )
        self.sums.reset()
        of_classes = {
            name: _accuracies(labelled_V, correct_V, class_V, names)
            for name, (class_V, names) in self.classes.items()
        }
        bins = list(of_classes["by_frequency"].values())
        return {
            "loss": float(nll / labelled),
            "accuracy": float(correct / labelled),
            "accuracy_over_types": float((correct_V / labelled_V)[labelled_V > 0].mean()),
            "accuracy_over_bins": sum(bins) / len(bins),
            **of_classes,
        }


def _accuracies(
    labelled_V: Tensor, correct_V: Tensor, class_V: Tensor, names: Sequence[str]
) -> Mapping[str, float]:
    """The accuracy in each class that has labels."""
    labelled_K, correct_K = (
        torch.zeros(len(names), dtype=torch.int64).index_add_(0, class_V, each_V)
        for each_V in (labelled_V, correct_V)
    )
    of_all = zip(names, labelled_K.tolist(), correct_K.tolist(), strict=True)
    return {name: correct / labelled for name, labelled, correct in of_all if labelled}

"""The counters of the authors' script, for `experiment=paper_parity`.

Their buffers are bfloat16. *Hard* counts a whole batch in int64 and adds it once per step, so that
only what is below half a unit in the last place is lost; *soft* adds every position by itself, so
that its count stalls at 256. Scores are computed in bfloat16. Shapes: V token types, M labelled
positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft, inverted_min_max
from amlm.masking.signals.uniform import Uniform
from amlm.util.errors import InputError


@dataclass
class AuthorsHard(Hard):
    """`Hard` with bfloat16 sums of the int64 counts of each batch."""

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"correct": torch.bfloat16, "incorrect": torch.bfloat16}

    def observe(self, statistics: Mapping[str, Tensor], batch: Predictions) -> None:
        for name, counted_M in (
            ("correct", batch.correct_M & batch.valid_M),
            ("incorrect", ~batch.correct_M & batch.valid_M),
        ):
            sum_V = statistics[name]
            count_V = torch.zeros_like(sum_V, dtype=torch.int64)
            count_V.index_add_(0, batch.labels_M, counted_M.long())
            sum_V += count_V.to(sum_V.dtype)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        correct_V, incorrect_V = statistics["correct"], statistics["incorrect"]
        return ((correct_V + 0.5) / (correct_V + incorrect_V + 1)).double()


@dataclass
class AuthorsSoft(Soft):
    """`Soft` with bfloat16 sums that start at the pseudo-count, ``log V`` and 1."""

    def counters(self) -> Mapping[str, torch.dtype]:
        return {"loss": torch.bfloat16, "total": torch.bfloat16}

    def observe(self, statistics: Mapping[str, Tensor], batch: Predictions) -> None:
        loss_V, total_V = self._started(statistics)
        statistics["loss"].copy_(loss_V)
        statistics["total"].copy_(total_V)
        super().observe(statistics, batch)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        loss_V, total_V = self._started(statistics)
        normal_V = loss_V / total_V / math.log(loss_V.numel())
        return inverted_min_max(normal_V).double()

    @staticmethod
    def _started(statistics: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        # A window starts with zeros; a count of 0 is one that has not got its pseudo-count yet.
        loss_V, total_V = statistics["loss"], statistics["total"]
        new_V = total_V == 0
        uniform = math.log(loss_V.numel())
        return torch.where(new_V, uniform, loss_V), torch.where(new_V, 1.0, total_V)


def authors_counters(signal: Signal) -> Signal:
    """The signal that counts as the authors' script does.

    Raises:
        InputError: their script has no such signal.
    """
    if type(signal) is Uniform:
        return signal
    for ours, theirs in ((Hard, AuthorsHard), (Soft, AuthorsSoft)):
        if type(signal) is ours:
            return theirs()
    raise InputError(
        f"masking.counters=bfloat16 is the authors' way of counting for the signals hard and soft, "
        f"not for {type(signal).__name__}: leave it at exact"
    )

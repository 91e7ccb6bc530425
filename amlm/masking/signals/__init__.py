"""Signals: how well the model has predicted each token type since the last update.

A signal is one dataclass in one file (see `Signal` for its methods) and one YAML file in
``conf/masking/signal``. Shapes: V token types, M labelled positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Predictions:
    """The model's predictions at the labelled positions of one batch."""

    labels_M: Tensor  # int64, the original ids (any id at unused slots)
    correct_M: Tensor  # bool, whether the argmax is the label
    nll_M: Tensor  # float, cross-entropy in nats
    shows_mask_M: Tensor  # bool, whether the input at that position is [MASK]
    valid_M: Tensor  # bool, false at unused slots


class Signal(Protocol):
    def counters(self) -> Mapping[str, torch.dtype]:
        """Names and dtypes of the statistics. Each is a ``[V]`` sum that starts at zero, so that
        the sums of several ranks can be added; priors belong in `score`."""
        ...

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        """Adds a batch to the statistics, in place and without host-device synchronisation."""
        ...

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        """Float64 ``score_V`` in [0, 1] from the sums of a window; 1 is mastered."""
        ...

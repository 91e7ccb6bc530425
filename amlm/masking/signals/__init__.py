"""Signals: how well the model has predicted each token type since the last update.

A signal is one dataclass in one file (see `Signal` for its methods) and one YAML file in
``conf/masking/signal``. Three methods are enough. What a signal needs beyond predictions it asks
for by having more: a `PreparedSignal` sees the vocabulary and its counts, a `LearnedSignal` weighs
positions. A signal that is a `torch.nn.Module` keeps state in its buffers, which are saved in
checkpoints; one that reads a file has its `digests`, which a resumed run compares. Shapes: V
token types, M labelled positions, R rows (sequences) of a micro-batch, L positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
    entropy_M: Tensor | None = None  # float, in nats; given to a signal with `uses_entropy = True`


@dataclass
class Context:
    """What a signal can know of its run besides predictions."""

    counts_V: Tensor  # int64, occurrences of each type in the training text
    surfaces: Sequence[str | None]  # see `amlm.tokenizers.surfaces`
    total_steps: int
    seed: int
    embed: Callable[[Tensor], Tensor]  # ids to the model's token embeddings, (..., width)
    width: int
    step: int = 0  # optimizer steps completed; the policy sets it before it asks for scores
    maskable_V: Tensor | None = None  # bool; the policy sets it before a signal prepares itself


@dataclass(frozen=True)
class Draw:
    """What a learned signal has drawn: R rows of a step, one micro-batch on one rank."""

    ids_RL: Tensor  # int64, uncorrupted
    positions_M: Tensor  # int64, labelled positions as indices into [R·L]
    marginals: Callable[[Tensor], Tensor]  # weights [R, L] to selection probabilities, with grad
    labels: Tensor  # scalar, labels of the whole step
    sequences: int  # sequences of the whole step


class Signal(Protocol):
    """A signal without statistics derives from this class, and inherits the first two methods."""

    def counters(self) -> Mapping[str, torch.dtype]:
        """Names and dtypes of the statistics. Each is a ``[V]`` sum that starts at zero, so that
        the sums of several ranks can be added; priors belong in `score`."""
        return {}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        """Adds a batch to the statistics, in place and without host-device synchronisation."""
        return

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        """Float64 ``score_V`` from the sums of a window; 1 is mastered. A measure of mastery lies
        in [0, 1]; a signal that sets weights returns `score_of_weights`."""
        ...


@runtime_checkable
class PreparedSignal(Signal, Protocol):
    """Knows the vocabulary, so that its first table need not be uniform: the policy makes it from
    the score of empty statistics."""

    def prepare(self, context: Context) -> None:
        """Called once, before the first step.

        Raises:
            InputError: what the signal is given does not fit this run.
        """
        ...


@runtime_checkable
class LearnedSignal(PreparedSignal, Protocol):
    """Weighs positions, not types, by a function that it learns from the predictions."""

    def weigh(self, ids_BL: Tensor) -> Tensor:
        """Weights above 0 of uncorrupted positions; they replace the table in drawing masks."""
        ...

    def learn(self, statistics: Mapping[str, Tensor], predictions: Predictions, draw: Draw) -> None:
        """Adds the gradient of a micro-batch, without host-device synchronisation."""
        ...

    def finish_step(self, reduce: Callable[[Tensor], Tensor]) -> None:
        """Updates the function after the last micro-batch; ``reduce`` sums over ranks."""
        ...

    def report(self, statistics: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Scalars for the record, from the sums of a window."""
        ...


def signal_name(signal: Signal) -> str:
    """A signal in lower case and what it is told by, if it has a choice: ``pos (lexicon)``."""
    tagger = getattr(signal, "tagger", None)
    return type(signal).__name__.lower() + (f" ({tagger})" if tagger else "")


def uses_entropy(signal: Signal) -> bool:
    """Whether a signal asks for `Predictions.entropy_M`."""
    return bool(getattr(signal, "uses_entropy", False))


def score_of_weights(weight_V: Tensor) -> Tensor:
    """Scores whose update target ``p·(1 − score)`` is the weights, rescaled to mean p."""
    weight_V = weight_V.double()
    return 1.0 - weight_V / weight_V.mean()

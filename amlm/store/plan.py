"""The batch plan: which blocks of the store make up the batch of each step.

A pure function of (store size, seed, step). It has no state, so the batches do not depend on
resuming, on the number of ranks or on data-loader workers. Shapes: N tokens, G blocks of a step's
global batch, L tokens per block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amlm.config.schema import DataConfig
from amlm.store.permutation import permute
from amlm.util.errors import InputError

SECTION = 4_096  # consecutive positions of an epoch that are permuted at a time


@dataclass(frozen=True)
class Phase:
    """Consecutive steps of one sequence length, from ``first_epoch`` on, shuffled in each epoch.

    Within a phase a batch can span two epochs, so that every block is seen exactly once per epoch.
    Blocks at the end of a phase that do not fill a step are dropped.
    """

    length: int
    first_epoch: int
    first_step: int
    steps: int | None  # None: until the end of the run
    blocks_per_epoch: int
    blocks_per_step: int


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int, section: int) -> NDArray[np.int64]:
    """Blocks at a section of positions of an epoch; a section costs little more than one block."""
    first = section * SECTION
    return permute(np.arange(first, min(first + SECTION, count)), count, seed, epoch)


@dataclass(frozen=True)
class BatchPlan:
    """The batches of a run.

    Attributes:
        seed: seed of the order.
        total_steps: optimizer steps of the run.
        phases: one per sequence length, in order.
    """

    seed: int
    total_steps: int
    phases: tuple[Phase, ...]

    @property
    def tokens_per_step(self) -> int:
        return self.phases[0].length * self.phases[0].blocks_per_step

    def phase(self, step: int) -> Phase:
        return next(p for p in reversed(self.phases) if p.first_step <= step)

    def blocks(self, step: int) -> tuple[NDArray[np.int64], int]:
        """Block numbers ``[G]`` of a step's global batch, and the block length L."""
        phase = self.phase(step)
        start = (step - phase.first_step) * phase.blocks_per_step
        result = np.empty(phase.blocks_per_step, dtype=np.int64)
        done = 0
        while done < len(result):
            epoch, offset = divmod(start + done, phase.blocks_per_epoch)
            section, offset = divmod(offset, SECTION)
            order = _order(self.seed, phase.first_epoch + epoch, phase.blocks_per_epoch, section)
            taken = order[offset : offset + len(result) - done]
            result[done : done + len(taken)] = taken
            done += len(taken)
        return result, phase.length

    def epoch(self, step: int) -> float:
        """Epochs completed before a step, as a fraction."""
        phase = self.phase(step)
        blocks = (step - phase.first_step) * phase.blocks_per_step
        return phase.first_epoch + blocks / phase.blocks_per_epoch


def make_plan(tokens: int, config: DataConfig, max_steps: int | None, seed: int) -> BatchPlan:
    """Lays out a run over a store.

    Args:
        tokens: N, tokens in the store.
        config: the ``data`` section; ``tokens_per_step`` is a multiple of every length.
        max_steps: optimizer steps instead of ``epochs``; the text is then repeated or cut short as
            needed.
        seed: seed of the order.

    Raises:
        InputError: the store is smaller than one step.
    """
    lengths, epochs = config.sequence_length, config.epochs
    starts = sorted(epoch for epoch in lengths if max_steps or epoch < epochs)
    phases: list[Phase] = []
    step = 0
    for i, first_epoch in enumerate(starts):
        length = lengths[first_epoch]
        per_epoch, per_step = tokens // length, config.tokens_per_step // length
        last = i + 1 == len(starts)
        phase_epochs = (epochs if last else starts[i + 1]) - first_epoch
        steps = phase_epochs * per_epoch // per_step
        if per_epoch < per_step:
            raise InputError(
                f"the text has {tokens:,} tokens, too few for one step of "
                f"data.tokens_per_step={config.tokens_per_step:,}: use more text or smaller steps"
            )
        endless = last and max_steps is not None
        phases.append(
            Phase(length, first_epoch, step, None if endless else steps, per_epoch, per_step)
        )
        step += steps
    return BatchPlan(seed, max_steps or step, tuple(phases))

"""How many words a run has seen, exactly, as a function of the step.

Shapes: V token types, K blocks of an epoch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amlm.data.plan import BatchPlan
from amlm.data.store import TokenStore


def _words_of_blocks(store: TokenStore, length: int) -> NDArray[np.int64]:
    """Words that begin in each block of ``length`` tokens: ``[K]``."""
    ids = store.ids("train")
    blocks = len(ids) // length
    counts_K = np.empty(blocks, dtype=np.int64)
    at_once = max(1, (1 << 22) // length)
    for start in range(0, blocks, at_once):
        stop = min(start + at_once, blocks)
        part = store.word_starts_V[ids[start * length : stop * length]]
        counts_K[start:stop] = part.reshape(stop - start, length).sum(1)
    return counts_K


class WordCounter:
    """Counts words seen, in the sense of ``str.split()``, by the steps of a plan.

    The count goes on from the last step asked for, so that asking at every step costs next to
    nothing; a smaller step starts again from zero.
    """

    def __init__(self, store: TokenStore, plan: BatchPlan, overfit: bool = False) -> None:
        self.plan = plan
        self.overfit = overfit
        self._words_K = {
            phase.length: _words_of_blocks(store, phase.length) for phase in plan.phases
        }
        self._step = 0
        self._words = 0

    def of_step(self, step: int) -> int:
        """Words in the batch of one step."""
        blocks, length = self.plan.blocks(0 if self.overfit else step)
        return int(self._words_K[length][blocks].sum())

    def seen(self, step: int) -> int:
        """Words in the batches of the first ``step`` steps."""
        if step < self._step:
            self._step, self._words = 0, 0
        for each in range(self._step, step):
            self._words += self.of_step(each)
        self._step = step
        return self._words

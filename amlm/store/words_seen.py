"""The exact number of words a run has seen, as a function of the step."""

from __future__ import annotations

from amlm.store.plan import BatchPlan
from amlm.store.token_store import TokenStore


class WordCounter:
    """Counts the words (``str.split()``) seen by the steps of a plan.

    The count continues from the last requested step, so that calling `seen` at every step is cheap;
    an earlier step restarts the count from zero.
    """

    def __init__(self, store: TokenStore, plan: BatchPlan, overfit: bool = False) -> None:
        self.store = store
        self.plan = plan
        self.overfit = overfit
        self._step = 0
        self._words = 0

    def of_step(self, step: int) -> int:
        """Words in the batch of one step."""
        blocks, length = self.plan.blocks(0 if self.overfit else step)
        return int(self.store.words_of_blocks("train", blocks, length).sum())

    def seen(self, step: int) -> int:
        """Words in the batches of the first ``step`` steps."""
        if step < self._step:
            self._step, self._words = 0, 0
        for each in range(self._step, step):
            self._words += self.of_step(each)
        self._step = step
        return self._words

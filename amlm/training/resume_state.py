"""All that a resumed run needs: the content of a checkpoint.

| key | content |
| --- | --- |
| ``global_step`` | optimizer steps completed |
| ``state_dict`` | weights; masking table, its first value and the statistics of the unfinished window (buffers of `MaskingPolicy`); sums since the last ``train`` record (`Window`) |
| ``optimizer_states``, ``lr_schedulers`` | moments, step counts, learning-rate schedule |
| ``callbacks`` | states of Lightning's and users' callbacks |
| ``loops`` | Lightning's counters (`loops_at`) |
| ``data`` | the data cursor: micro-batches served, epoch, words seen |
| ``generators`` | seed of the next draw of each named generator |
| ``record`` | size and SHA-256 of the log and of the tables |
| ``TextDataModule`` | digests of text, tokenizer and store, to be compared |
| ``should_stop`` | whether a callback has ended training: the run must not resume it |

``loops``, ``data`` and ``generators`` are functions of the step: the first is written as such,
since Lightning's own depend on how often a run was resumed; the others are compared on resuming.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amlm.masking.policy import MaskingPolicy
from amlm.store.plan import BatchPlan
from amlm.store.words_seen import WordCounter
from amlm.util.seeds import derived_seed


def loops_at(step: int, accumulate: int) -> dict[str, Any]:
    """Lightning's counters after a step, as if saved at its end and never resumed before."""
    served = step * accumulate
    # One behind: what Lightning takes for the end of a batch, and counts when it resumes.
    batches = {"ready": served, "started": served, "processed": served, "completed": served - 1}
    steps = {"ready": step, "completed": step}
    zeroed = {**steps, "started": step}
    epoch = {"ready": 1, "started": 1, "processed": 0, "completed": 0}

    def both(counts: dict[str, int]) -> dict[str, Any]:
        return {"total": dict(counts), "current": dict(counts)}

    return {
        "fit_loop": {
            "epoch_progress": both(epoch),
            "epoch_loop.state_dict": {"_batches_that_stepped": step - 1},
            "epoch_loop.batch_progress": {**both(batches), "is_last_batch": False},
            "epoch_loop.scheduler_progress": both(steps),
            "epoch_loop.automatic_optimization.optim_progress": {
                "optimizer": {"step": both(steps), "zero_grad": both(zeroed)}
            },
        }
    }


@dataclass(frozen=True)
class Cursor:
    """What a run draws its next batch, masks and dropout from, as functions of the step."""

    plan: BatchPlan
    words: WordCounter
    masking: MaskingPolicy
    seed: int  # of dropout
    accumulate: int

    def at(self, step: int) -> dict[str, dict[str, Any]]:
        return {
            "data": {
                "micro_batches": step * self.accumulate,
                "epoch": self.plan.epoch(step),
                "words_seen": self.words.seen(step),
            },
            "generators": {
                "masking": derived_seed(self.masking.seed, "masking", step),
                "dropout": derived_seed(self.seed, "dropout", step, 0, 0),
            },
        }

    def fault(self, state: dict[str, Any]) -> str | None:
        """How a saved state differs from what this run has at its step; None if it doesn't."""
        for key, now in self.at(state["global_step"]).items():
            for name, value in now.items():
                if state[key][name] != value:
                    return (
                        f"{key} {name} was {state[key][name]} when it was saved and would be "
                        f"{value} now, with another text or another version of the program"
                    )
        return None

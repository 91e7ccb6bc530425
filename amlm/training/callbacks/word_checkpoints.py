"""Exports the model each time a round number of words has been seen (BabyLM ``chck_1M`` ...)."""

from __future__ import annotations

import shutil
from pathlib import Path

import lightning as L
from tokenizers import Tokenizer

from amlm.models.build import save_hugging_face
from amlm.store.plan import BatchPlan
from amlm.store.words_seen import WordCounter
from amlm.tokenizers.bpe import save_tokenizer
from amlm.training.callbacks import StepCallback
from amlm.training.cards import write_cards
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.run_log import RunLog

MILLION = 1_000_000
# The BabyLM 2025 rules: every million to ten, every ten to a hundred, every hundred to a billion.
THRESHOLDS = [millions * scale * MILLION for scale in (1, 10, 100) for millions in range(1, 10)] + [
    1_000 * MILLION
]
STRICT_SMALL_WORDS = 100 * MILLION
# Ten epochs of ten million words end a little before 100 million, since less than a block per epoch
# and less than a step per phase stay unused. The last step stands for a threshold so near.
UNUSED_SHARE = 0.005


def crossed(before: float, after: float) -> list[int]:
    """Thresholds (in words) that lie above ``before`` and at or below ``after``."""
    return [words for words in THRESHOLDS if before < words <= after]


class WordCheckpoints(StepCallback):
    """Writes ``checkpoints/chck_<n>M`` at the first step at which n million words have been seen.

    Args:
        folder: the run folder.
        run_log: is told of each export.
        tokenizer: goes into each export.
        plan: steps of the run.
        words: words seen by step.
        by: ``words``, or ``steps``: as the authors' script, by the share of all steps, taking the
            whole run for 100 million words.
        max_length: longest sequence, for the tokenizer's settings.
    """

    def __init__(
        self,
        folder: Path,
        run_log: RunLog,
        tokenizer: Tokenizer,
        plan: BatchPlan,
        words: WordCounter,
        by: str,
        max_length: int,
    ) -> None:
        self.folder = folder / "checkpoints"
        self.run_log = run_log
        self.tokenizer = tokenizer
        self.plan = plan
        self.words = words
        self.by = by
        self.max_length = max_length
        self._before = 0.0

    def progress(self, step: int) -> float:
        """Words seen before a step, or what stands in for them."""
        if self.by == "steps":
            return step / self.plan.total_steps * STRICT_SMALL_WORDS
        return self.words.seen(step)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._before = self.progress(trainer.global_step)

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if not trainer.is_global_zero:
            return
        before, self._before = self._before, self.progress(step)
        if step == self.plan.total_steps:
            self._before *= 1 + UNUSED_SHARE
        for words in crossed(before, self._before):
            name = f"chck_{words // MILLION}M"
            aside = self.folder / f".{name}.aside"
            shutil.rmtree(aside, ignore_errors=True)
            save_hugging_face(module.model, aside)
            save_tokenizer(self.tokenizer, aside, self.max_length)
            shutil.rmtree(self.folder / name, ignore_errors=True)
            aside.rename(self.folder / name)
            self.run_log.write(
                "checkpoint",
                {"step": step, "name": name, "words_seen": self.words.seen(step)},
            )
            write_cards(self.folder.parent)

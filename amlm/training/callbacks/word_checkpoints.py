"""Exports the model after round numbers of words (BabyLM's ``chck_1M`` ...)."""

from __future__ import annotations

from dataclasses import dataclass, field
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
from amlm.util.files import aside

MILLION = 1_000_000
# BabyLM 2025 rules: every million up to 10M, every ten up to 100M, every hundred up to 1,000M.
THRESHOLDS = [millions * scale * MILLION for scale in (1, 10, 100) for millions in range(1, 10)] + [
    1_000 * MILLION
]
STRICT_SMALL_WORDS = 100 * MILLION
# Ten epochs of ten million words end just below 100 million, since up to a block per epoch and up
# to a step per phase stay unused. The last step counts as reaching a threshold this close.
UNUSED_SHARE = 0.005


def crossed(before: float, after: float) -> list[int]:
    """Thresholds (in words) above ``before`` and at most ``after``."""
    return [words for words in THRESHOLDS if before < words <= after]


def name_of(words: int) -> str:
    """The folder of the checkpoint of a threshold."""
    return f"chck_{words // MILLION}M"


@dataclass(eq=False)
class WordCheckpoints(StepCallback):
    """Writes ``checkpoints/chck_<n>M`` at the first step after n million words seen.

    With ``by="steps"``, as in the authors' script, the fraction of steps counts instead, with 100
    million words in a whole run. ``max_length`` is the tokenizer's setting in the exports.
    """

    folder: Path  # of the run
    run_log: RunLog
    tokenizer: Tokenizer
    plan: BatchPlan
    words: WordCounter
    by: str
    max_length: int
    _before: float = field(default=0.0, init=False)

    def progress(self, step: int) -> float:
        """Words seen before a step, or their substitute by steps."""
        if self.by == "steps":
            return step / self.plan.total_steps * STRICT_SMALL_WORDS
        return self.words.seen(step)

    def ahead(self, step: int) -> tuple[str, int] | None:
        """The next checkpoint and the words until then; None if the run is to end before."""
        now = self.progress(step)
        at_end = now / max(step, 1) * self.plan.total_steps * (1 + UNUSED_SHARE)
        for words in crossed(now, at_end):
            return name_of(words), round(words - now)
        return None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._before = self.progress(trainer.global_step)

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        if not trainer.is_global_zero:
            return
        before, self._before = self._before, self.progress(step)
        if step == self.plan.total_steps:
            self._before *= 1 + UNUSED_SHARE
        passed = crossed(before, self._before)
        if passed and not module.is_finite(lambda sums: sums):
            return  # `Watch` is about to end the run, which writes it when it resumes
        for words in passed:
            name = name_of(words)
            folder = self.folder / "checkpoints" / name
            with aside(folder) as temporary:
                save_hugging_face(module.model, temporary)
                save_tokenizer(self.tokenizer, temporary, self.max_length)
            values = {"step": step, "name": name, "words_seen": self.words.seen(step)}
            self.run_log.write("checkpoint", values)
        if passed:  # each card lists all checkpoints, so all are written anew
            write_cards(self.folder)

"""Scores the model on a few items of zero-shot tasks during training."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import torch
from tokenizers import Tokenizer

from amlm.config.run_schema import EvaluationConfig
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot import ranking
from amlm.evaluation.zero_shot.choices import choose
from amlm.evaluation.zero_shot.items import Item
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.scoring import score
from amlm.evaluation.zero_shot.tasks import find
from amlm.models.build import to_hugging_face
from amlm.tokenizers.bpe import hugging_face_tokenizer
from amlm.training.callbacks import StepCallback, notify
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.run_log import RunLog

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH_TOKENS = 4_096


def first_of_each(items: list[Item], count: int) -> list[Item]:
    """The first ``count`` items of each group, in their order."""
    seen: Counter[str] = Counter()
    kept = []
    for item in items:
        seen[item.uid] += 1
        if seen[item.uid] <= count:
            kept.append(item)
    return kept


class Evaluation(StepCallback):
    """One ``evaluation`` record at the end of the run, and as asked at each word checkpoint.

    It has the figure of each task (see `amlm.evaluation.figures`) and its chance level. A Hugging
    Face copy of the model is scored, which leaves training unaffected. Acting before `Checkpoints`,
    it neither loses nor repeats a record in a resumed run.

    Raises:
        InputError: a task has no data, or invalid data.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        run_log: RunLog,
        tokenizer: Tokenizer,
        total_steps: int,
        max_length: int,
    ) -> None:
        self.run_log = run_log
        self.tokenizer = hugging_face_tokenizer(tokenizer, max_length)
        self.total_steps = total_steps
        self.at_checkpoints = config.at == "checkpoints"
        self.rules = RULES[config.rules]
        found, _ = find(self.rules, config.data_dir, config.tasks, "fast")
        self.tasks = {
            each.name: (
                each.task,
                [
                    item
                    for items in items_of(each).values()
                    for item in first_of_each(items, config.items)
                ],
            )
            for each in found
        }

    def on_step_end(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        exported = self.run_log.latest.get("checkpoint", {}).get("step")
        due = step == self.total_steps or (self.at_checkpoints and step == exported)
        if trainer.is_global_zero and due:
            self._evaluate(trainer, module, step)

    def on_train_end(  # type: ignore[override]
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM
    ) -> None:
        # The last step of a run that stops early is not known in advance.
        step, last = trainer.global_step, self.run_log.latest.get("evaluation", {}).get("step")
        if trainer.is_global_zero and step != last:
            self._evaluate(trainer, pl_module, step)

    def _evaluate(self, trainer: L.Trainer, module: AdaptiveMaskedLM, step: int) -> None:
        record = {"step": step, **self.scores(module)}
        self.run_log.write("evaluation", record)
        notify(trainer, "on_evaluation", module, {"kind": "evaluation", **record})

    def scores(self, module: AdaptiveMaskedLM) -> dict[str, Any]:
        """The figure of each task as a dictionary, with ``chance``."""
        with torch.random.fork_rng(devices=[]):  # the copy draws random weights first
            return self.score(to_hugging_face(module.model).to(module.device))

    def score(self, model: PreTrainedModel) -> dict[str, Any]:
        """The same of a Hugging Face model with the run's tokenizer."""
        scorer = MaskedModel(model, self.tokenizer, BATCH_TOKENS)
        found = {}
        for name, (task, items) in self.tasks.items():
            candidates = [each for item in items for each in item.candidates]
            flat = iter(score(scorer, candidates, per_token=task.per_token))
            scores = [np.array([next(flat) for _ in item.candidates]) for item in items]
            choices = choose(self.rules, items, scores, seed=0)
            (figure,) = ranking.report(task, items, scores, choices).totals.values()
            correlates = items[0].ratio is not None
            chance = 0.0 if correlates else 100 * fmean(1 / len(i.candidates) for i in items)
            found[name] = {**asdict(figure), "chance": chance}
        return found

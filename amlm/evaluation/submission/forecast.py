"""How long evaluations will take, from the measured speed of a small share of each task.

Of a zero-shot task 16 to 31 items, evenly spaced over all its files, are scored with the final
model, after one to warm up. Of a fine-tuning task, one batch of evenly spaced items is trained on
and one is classified. The time of a task is that of its share times the number of items or batches,
and the time to load the model. Checkpoints are taken to be as fast as the final model. Not counted:
what an interrupted task already has (at most), reports and files (at least).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch.optim import AdamW

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning.batches import Batch, collate
from amlm.evaluation.finetuning.classifier import Classifier
from amlm.evaluation.finetuning.finetune import recipe_of
from amlm.evaluation.finetuning.glue_tasks import TASKS, find_files, read_pairs
from amlm.evaluation.finetuning.train_task import SIDES, VALID_BATCH, prepare
from amlm.evaluation.models import load, load_encoder, resolve_device
from amlm.evaluation.places import checkpoints, find_model
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot import aoa, reading
from amlm.evaluation.zero_shot.items import Candidate, suffix
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.scoring import Scorer, score
from amlm.evaluation.zero_shot.tasks import Found, find

SHARE = 16  # items of a zero-shot task that are timed, at least
Thing = TypeVar("Thing")


@dataclass
class Forecast:
    """Seconds of steps, see `amlm.evaluation.submission.plan.steps`; each task is timed once."""

    options: Options
    timed: dict[object, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        began = perf_counter()
        options = self.options
        self.source = find_model(options.model, "main", options.trust_remote_code)
        self.scorer = load(
            self.source, options.device, options.batch_tokens, backend=options.backend
        )
        self.loading = perf_counter() - began

    def seconds(self, step: Options) -> float:
        if step.finetune:
            return self.loading + sum(self._tune(step, name) for name in step.finetune)
        found, _ = find(RULES[step.rules], step.data_dir, step.tasks, step.suite)
        total = self.loading
        for each in found:
            key = each.paths
            if key not in self.timed:
                self.timed[key] = time_share(self.scorer, candidates(each))
            models = len(checkpoints(step.model)) if each.name == "aoa" else 1
            total += models * self.timed[key] + (models - 1) * self.loading
        return total

    def _tune(self, step: Options, name: str) -> float:
        """Seconds of all seeds of a fine-tuning task; InputError for what it would refuse."""
        task, recipe = TASKS[name], recipe_of(step, name)
        files = find_files(step.data_dir, [name])[name]
        model, tokenizer = load_encoder(self.source)
        device = resolve_device(step.device)
        splits = read_pairs(files["train"], task), read_pairs(files["valid"], task)
        encoder, train, valid = prepare(model, tokenizer, splits, recipe)
        classifier = Classifier(encoder, model.config.hidden_size, task.labels).to(device)
        optimizer = AdamW(classifier.parameters(), lr=0.0, fused=True)
        pad, side = tokenizer.pad_token_id or 0, SIDES[recipe.pooling]
        first, second = (
            Batch(*(None if part is None else part.to(device) for part in batch))  # type: ignore[arg-type]
            for batch in (
                collate(spaced(items, size)[:size], pad, side)
                for items, size in ((train, recipe.batch_size), (valid, VALID_BATCH))
            )
        )

        def learn() -> None:
            loss = F.cross_entropy(classifier(first.ids_BL, first.mask_BL), first.labels_B)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            float(loss.detach())  # waits for the device

        @torch.no_grad()
        def classify() -> None:
            float(classifier(second.ids_BL, second.mask_BL).sum())

        batches = len(train) // recipe.batch_size, math.ceil(len(valid) / VALID_BATCH)
        epoch = batches[0] * time_once(learn) + batches[1] * time_once(classify)
        return len(step.seeds) * recipe.epochs * epoch


def candidates(found: Found) -> list[list[Candidate]]:
    """The candidates of each item of a task. Words of the other two tasks stand for items."""
    if found.name == "aoa":
        return [[each] for each in aoa.candidates(aoa.read_contexts(found.paths[0]))]
    if found.name == "reading":
        asked = reading.ReadingTimes(found.paths[0]).questions()
        distinct = dict.fromkeys(each for each in asked if each is not None)
        return [[suffix(f"{context} ", word)] for context, word in distinct]
    return [item.candidates for items in items_of(found).values() for item in items]


def spaced(things: Sequence[Thing], least: int) -> Sequence[Thing]:
    """Evenly spaced things of a sequence: at least so many, if it has them, below twice as many."""
    return things[:: max(1, len(things) // least)]


def time_share(scorer: Scorer, items: Sequence[Sequence[Candidate]]) -> float:
    """Seconds to score all items, from the time for a share of them."""
    share = spaced(items, SHARE)
    score(scorer, share[0])
    flat = list(chain.from_iterable(share))
    began = perf_counter()
    score(scorer, flat)
    return (perf_counter() - began) * len(items) / len(share)


def time_once(task: Callable[[], None]) -> float:
    """Seconds of a task; of its second time if the first, which warms up, is short."""
    for _ in range(2):
        began = perf_counter()
        task()
        if (seconds := perf_counter() - began) > 1:
            break
    return seconds

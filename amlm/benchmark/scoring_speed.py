"""The speed of zero-shot scoring in `amlm.evaluate` against a literal implementation.

The literal implementation makes one copy of a sentence per token, with that token masked, and runs
padded batches of 64 copies through plain `transformers`, with logits at every position.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from amlm.benchmark.bench_options import Options
from amlm.benchmark.timing import Spread, run_interleaved, time_task
from amlm.evaluation.evaluate_options import Options as EvaluationOptions
from amlm.evaluation.models import load
from amlm.evaluation.places import Source, find_model
from amlm.evaluation.rules import DEFAULT, RULES
from amlm.evaluation.zero_shot.items import Candidate
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.scoring import score
from amlm.evaluation.zero_shot.tasks import find
from amlm.util.errors import InputError

COPIES = 64  # per batch
PAIRS = 100  # per round: the first ones of a file


class Literal:
    """The literal implementation, without regard to speed."""

    def __init__(self, source: Source, device: torch.device) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        model = AutoModelForMaskedLM.from_pretrained(source.path, dtype=torch.float32, **source.at)
        self.model = model.to(device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(
            source.path, padding_side="right", **source.at
        )

    @torch.no_grad()
    def score(self, candidates: list[Candidate]) -> list[float]:
        """Sums of log-probabilities of candidates that are whole sentences."""
        copies = []
        for number, candidate in enumerate(candidates):
            found = self.tokenizer(candidate.sentence, return_special_tokens_mask=True)
            for position, special in enumerate(found["special_tokens_mask"]):
                if not special:
                    ids = list(found["input_ids"])
                    target, ids[position] = ids[position], self.tokenizer.mask_token_id
                    copies.append((number, ids, position, target))
        sums = [0.0] * len(candidates)
        for first in range(0, len(copies), COPIES):
            batch = copies[first : first + COPIES]
            inputs = self.tokenizer.pad(
                [{"input_ids": ids} for _, ids, _, _ in batch], return_tensors="pt"
            ).to(self.model.device)
            logits_BLV = self.model(**inputs).logits
            for (number, _, position, target), logits_LV in zip(batch, logits_BLV, strict=True):
                sums[number] += float(torch.log_softmax(logits_LV[position], -1)[target])
        return sums


def measure_scoring(options: Options) -> dict[str, Any]:
    """Sentences per second of both implementations, their ratio, and the difference of scores.

    Raises:
        InputError: the model or the data is missing.
    """
    if options.model is None:
        raise InputError("suite=evaluation needs model=<run folder or Hugging Face folder>")
    device = options.torch_device
    source = find_model(options.model, "main")
    model = load(source, device.type, EvaluationOptions.batch_tokens)
    plain = Literal(source, device)
    task = "sample" if options.data_dir is None else "blimp"
    ((found,), _) = find(RULES[DEFAULT], options.data_dir, [task], "fast")
    rounds = itertools.cycle([items[:PAIRS] for items in items_of(found).values()])
    candidates: list[Candidate] = []
    scores: dict[str, Any] = {}
    differences = []

    def ours() -> float:
        candidates[:] = [candidate for item in next(rounds) for candidate in item.candidates]
        return time_task(lambda: scores.update(ours=score(model, candidates)), device)

    def theirs() -> float:
        time = time_task(lambda: scores.update(theirs=plain.score(candidates)), device)
        differences.append(float(np.abs(scores["ours"] - scores["theirs"]).max()))
        return time

    tasks = {"ours": ours, "theirs": theirs, "sentences": lambda: float(len(candidates))}
    times = run_interleaved(tasks, options.rounds, found.name)
    return {
        "sentences": float(times["sentences"].sum()),
        "sentences_per_s": Spread.of(times["sentences"] / times["ours"]),
        "sentences_per_s_literal": Spread.of(times["sentences"] / times["theirs"]),
        "speedup": Spread.of(times["theirs"] / times["ours"]),
        "max_abs_diff": {"score": max(differences)},
    }

"""The speed of zero-shot scoring in `amlm.evaluate` against the official pipeline's method.

That method (``sentence_zero_shot`` of `babylm-org/babylm-eval`), with its default sizes: of 64
items at a time, one candidate after the other, each token of the completion is masked in a copy of
its own; the copies are padded to the longest of the 64 items and run through plain `transformers`
in batches of 64, with logits at every position.

Shapes: C copies, L length, V vocabulary.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from amlm.benchmark.bench_options import Options
from amlm.benchmark.timing import Spread, run_interleaved, time_task
from amlm.evaluation.evaluate_options import Options as EvaluationOptions
from amlm.evaluation.models import MaskedModel, load
from amlm.evaluation.places import Source, find_model
from amlm.evaluation.rules import DEFAULT, RULES
from amlm.evaluation.zero_shot.items import Candidate
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.scoring import score
from amlm.evaluation.zero_shot.tasks import Found, find
from amlm.util.errors import InputError

BATCH = 64  # items that are padded together, and copies per forward pass
TASKS = ("blimp", "entity_tracking")
Items = Sequence[Sequence[Candidate]]


class Official:
    """The official method, on the model as `transformers` loads it."""

    def __init__(self, source: Source, device: torch.device) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        model = AutoModelForMaskedLM.from_pretrained(source.path, dtype=torch.float32, **source.at)
        self.model = model.to(device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(
            source.path, padding_side="right", **source.at
        )

    @torch.no_grad()
    def score(self, items: Items) -> list[float]:
        """Sums of log-probabilities of all candidates, item by item."""
        sums: list[list[float]] = []
        for first in range(0, len(items), BATCH):
            batch = items[first : first + BATCH]
            columns = [self._score_column(column) for column in zip(*batch, strict=True)]
            sums += map(list, zip(*columns, strict=True))
        return [each for of_item in sums for each in of_item]

    def _score_column(self, candidates: Sequence[Candidate]) -> list[float]:
        """Candidates of the same number of all items of a batch."""
        copies, positions, targets, counts = [], [], [], []
        for candidate in candidates:
            encoded = self.tokenizer(candidate.sentence, return_offsets_mapping=True)
            ends = [end for _, end in encoded["offset_mapping"]]
            scored = [n for n, end in enumerate(ends) if end > candidate.start]
            counts.append(len(scored))
            for position in scored:
                ids_L = torch.tensor(encoded["input_ids"])
                targets.append(int(ids_L[position]))
                ids_L[position] = self.tokenizer.mask_token_id
                copies.append(ids_L)
                positions.append(position)
        device = self.model.device
        ids_CL = pad_sequence(copies, batch_first=True, padding_value=self.tokenizer.pad_token_id)
        mask_CL = pad_sequence([torch.ones_like(each) for each in copies], batch_first=True)
        found = []
        for first in range(0, len(copies), BATCH):
            rows = slice(first, first + BATCH)
            ids, mask = ids_CL[rows].to(device), mask_CL[rows].to(device)
            logits_CLV = self.model(input_ids=ids, attention_mask=mask).logits
            logits_CV = logits_CLV[torch.arange(len(ids)), positions[rows]]
            log_probs_CV = torch.log_softmax(logits_CV, dim=-1)
            found.append(log_probs_CV[torch.arange(len(ids)), targets[rows]].cpu())
        return [float(each.sum()) for each in torch.split(torch.cat(found), counts)]


def measure_scoring(options: Options) -> dict[str, dict[str, Any]]:
    """For each task whose data is there, the sentences per second of both, their ratios by wall
    clock and by CPU time, and the largest difference of scores.

    Raises:
        InputError: the model or the data is missing.
    """
    if options.model is None:
        raise InputError("suite=evaluation needs model=<run folder or Hugging Face folder>")
    device = options.torch_device
    source = find_model(options.model, "main")
    model = load(source, device.type, EvaluationOptions.batch_tokens)
    official = Official(source, device)
    tasks = ["sample"] if options.data_dir is None else []
    found, _ = find(RULES[DEFAULT], options.data_dir, tasks, "fast")
    return {
        f"zero-shot scores, {each.folder}": _measure(each, model, official, options)
        for each in found
        if each.name in (*TASKS, "sample")
    }


def _measure(
    found: Found, model: MaskedModel, official: Official, options: Options
) -> dict[str, Any]:
    rounds = itertools.cycle(_rounds(found, options.items))
    items: list[list[Candidate]] = []
    scores: dict[str, Any] = {}
    differences = []

    def timed(name: str) -> NDArray[np.float64]:
        def task() -> None:
            flat = [candidate for item in items for candidate in item]
            scores[name] = score(model, flat) if name == "ours" else official.score(items)

        began = time.process_time()
        seconds = time_task(task, options.torch_device)
        return np.array([seconds, time.process_time() - began])

    def ours() -> NDArray[np.float64]:
        items[:] = next(rounds)
        return timed("ours")

    def theirs() -> NDArray[np.float64]:
        seconds = timed("theirs")
        differences.append(float(np.abs(scores["ours"] - scores["theirs"]).max()))
        return seconds

    tasks = {"ours": ours, "theirs": theirs, "sentences": lambda: np.array([sum(map(len, items))])}
    results = run_interleaved(tasks, options.rounds, found.folder)
    (ours_s, ours_cpu_s), (theirs_s, theirs_cpu_s) = results["ours"].T, results["theirs"].T
    sentences = results["sentences"].ravel()
    return {
        "sentences": float(sentences.sum()),
        "sentences_per_s": Spread.of(sentences / ours_s),
        "sentences_per_s_official": Spread.of(sentences / theirs_s),
        "speedup": Spread.of(theirs_s / ours_s),
        "speedup_cpu_time": Spread.of(theirs_cpu_s / ours_cpu_s),
        "max_abs_diff": {"score": max(differences)},
    }


def _rounds(found: Found, count: int) -> list[list[list[Candidate]]]:
    """So many consecutive items per round, as the official pipeline reads them: file by file."""
    listed = [item.candidates for of_file in items_of(found).values() for item in of_file]
    whole = range(0, max(1, len(listed) - count + 1), count)
    # Files one after the other are alike: rounds from all over them.
    order = np.random.default_rng(0).permutation(len(whole))
    return [listed[whole[n] : whole[n] + count] for n in order]

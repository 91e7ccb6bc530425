"""Scores, predictions and reports against a literal implementation of the official evaluation:
plain `transformers`, one masked copy of the sentence per token, logits at all positions;
regressions with statsmodels, ages with SciPy.

On the items of the release, a few per file are compared; with ``--all-items`` all of them.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
import torch
from scipy.stats import spearmanr
from transformers import AutoModelForMaskedLM, AutoTokenizer

from amlm.evaluation.figures import Floats
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.zero_shot import ranking, reading
from amlm.evaluation.zero_shot.items import read_items
from amlm.evaluation.zero_shot.run_tasks import run_ranking
from amlm.evaluation.zero_shot.scoring import score
from amlm.evaluation.zero_shot.tasks import TASKS, find

BATCH = 64
FEW = 2  # items per file to compare without --all-items


class Literal:
    """The model as loaded by `transformers`, without regard to speed."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")

    def copies(self, sentence: str, completion: str) -> Iterator[tuple[list[int], int, int]]:
        encoded = self.tokenizer(sentence, return_offsets_mapping=True)
        start = len(sentence) - len(completion)
        for position, (_, end) in enumerate(encoded["offset_mapping"]):
            if end > start:
                ids = list(encoded["input_ids"])
                target, ids[position] = ids[position], self.tokenizer.mask_token_id
                yield ids, position, target

    @torch.no_grad()
    def sums(self, pairs: list[tuple[str, str]]) -> list[float]:
        copies = [(n, *copy) for n, pair in enumerate(pairs) for copy in self.copies(*pair)]
        found: dict[int, list[torch.Tensor]] = defaultdict(list)
        for start in range(0, len(copies), BATCH):
            batch = copies[start : start + BATCH]
            rows = [{"input_ids": ids} for _, ids, _, _ in batch]
            logits = self.model(**self.tokenizer.pad(rows, return_tensors="pt")).logits
            for (n, _, position, target), row in zip(batch, logits, strict=True):
                found[n].append(torch.log_softmax(row[position], -1)[target].clone())
        return [float(torch.stack(found[n]).sum()) for n in range(len(pairs))]

    @torch.no_grad()
    def first_mask(self, context: str, word: str) -> float:
        encoded = self.tokenizer(context + self.tokenizer.mask_token * 3, return_tensors="pt")
        ids = encoded["input_ids"][0].tolist()
        at = -3 if ids[-1] == self.tokenizer.mask_token_id else -4
        target = self.tokenizer(word, add_special_tokens=False)["input_ids"][0]
        return float(torch.softmax(self.model(**encoded).logits[0, at], -1)[target])

    def surprisal(self, context: str, word: str) -> float:
        ids = self.tokenizer(word, add_special_tokens=False)["input_ids"]
        product = self.first_mask(context, word)
        context += self.tokenizer.decode(ids[0])
        for each in ids[1:]:
            piece = self.tokenizer.decode(each)
            product *= self.first_mask(context, piece)
            context += piece
        return -math.log(product)


def literal_items(task: str, path: Path) -> list[tuple[str, list[tuple[str, str]], dict[str, Any]]]:
    """(UID, [(sentence, completion)], line) of each line of a file."""
    found = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if task in ("blimp", "supplement"):
            pairs = [(line[key], line[key]) for key in ("sentence_good", "sentence_bad")]
            uid = line.get("UID", path.stem)
        elif task == "ewok":
            targets = [line["Target1"], line["Target2"]]
            pairs = [(line["Context1"] + " " + target, " " + target) for target in targets]
            uid = line["Domain"]
        elif task == "entity_tracking":
            pairs = [(line["input_prefix"] + option, option) for option in line["options"]]
            uid = f"{path.stem}_{line['numops']}_ops"
        elif task == "comps":
            pairs = [
                (line[f"prefix_{kind}"] + " " + line["property_phrase"], line["property_phrase"])
                for kind in ("acceptable", "unacceptable")
            ]
            named = {"comps_base": "base", "comps_wugs": "wugs"}
            named["comps_wugs_dist-before"] = "wugs_dist_before"
            uid = named.get(path.stem, "wugs_dist_in_between")
        else:
            pairs = [(sentence, sentence) for sentence in line["sentences"].split("\t")]
            uid = task
        found.append((uid, pairs, line))
    return found


def literal_task(
    task: str, paths: list[Path], plain: Literal, few: int | None
) -> tuple[list[list[float]], dict[str, Any], float]:
    """Scores, predictions and the official score of the first items of each file of a task."""
    items = [item for path in paths for item in literal_items(task, path)[:few]]
    flat = iter(plain.sums([pair for _, pairs, _ in items for pair in pairs]))
    scores = [[next(flat) for _ in pairs] for _, pairs, _ in items]
    predictions: dict[str, Any] = {}
    hits: dict[str, list[bool]] = defaultdict(list)
    probs, ratios = [], []
    for (uid, pairs, line), each in zip(items, scores, strict=True):
        group = predictions.setdefault(uid, {"predictions": []})["predictions"]
        choice = each.index(max(each))
        chosen = pairs[choice][0] if task == "comps" else pairs[choice][1]
        group.append({"id": f"{uid}_{len(group)}", "pred": chosen})
        hits[uid].append(choice == 0)
        if task.startswith("wug"):
            group[-1]["prob"] = float(torch.softmax(torch.tensor(each), 0)[0])
            probs.append(group[-1]["prob"])
            ratios.append(line["ratio"])
    if task.startswith("wug"):
        return scores, predictions, float(spearmanr(probs, ratios)[0])
    accuracy = {uid: sum(each) / len(each) for uid, each in hits.items()}
    means = list(accuracy.values())
    if task == "entity_tracking":
        splits = [
            [value for uid, value in accuracy.items() if uid.startswith(split)]
            for split in ("regular", "ambiref", "move_contents")
        ]
        means = [sum(split) / len(split) for split in splits if split]
    return scores, predictions, 100 * sum(means) / len(means)


def literal_reading(path: Path, plain: Literal, lines: int | None) -> tuple[Floats, list[float]]:
    """``pred`` and ``prev_pred``, and the scores of eye tracking and self-paced reading."""
    table = pandas.read_csv(path, dtype={"item": str})
    table["item"] = table["item"].fillna("None")
    table = table[:lines]
    pred = [plain.surprisal(i, w) for i, w in zip(table["item"], table["word"], strict=True)]
    previous = [
        plain.surprisal(i, w) if isinstance(i, str) else float("nan")
        for i, w in zip(table["prev_item"], table["prev_word"], strict=True)
    ]
    return np.array([pred, previous]).T, literal_regressions(path, pred, previous, lines)


def literal_regressions(
    path: Path, pred: list[float], previous: list[float], lines: int | None
) -> list[float]:
    table = pandas.read_csv(path, dtype={"item": str})[:lines]
    table["pred"], table["prev_pred"] = pred, previous

    def gain(measure: str, names: list[str]) -> float:
        formula = f"{measure} ~ ({' + '.join(names)}) ** 2"
        without = smf.ols(formula, table[[measure, *names]].dropna()).fit().rsquared
        kept = table[[measure, *names, "pred"]].dropna()
        return float(100 * (smf.ols(f"{formula} + pred", kept).fit().rsquared - without)) / (
            1 - float(without)
        )

    names = ["Subtlex_log10", "length", "context_length"]
    eyes = ["RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound"]
    paced = gain("self_paced_reading_time", [*names, "prev_length", "prev_pred"])
    return [sum(gain(measure, names) for measure in eyes) / 4, paced]


@pytest.fixture(scope="session")
def plain(tiny_run: Path) -> Literal:
    return Literal(tiny_run / "hf")


@pytest.fixture(scope="session")
def few(request: pytest.FixtureRequest) -> int | None:
    return None if request.config.getoption("--all-items") else FEW


def assert_same_predictions(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    for uid, each in expected.items():
        for ours, theirs in zip(found[uid]["predictions"], each["predictions"], strict=True):
            assert ours.keys() == theirs.keys()
            assert (ours["id"], ours["pred"]) == (theirs["id"], theirs["pred"])
            assert ours.get("prob") == pytest.approx(theirs.get("prob"), abs=1e-4)


RANKING = ["blimp", "supplement", "ewok", "entity_tracking", "wug_adj", "wug_past", "comps"]


@pytest.mark.parametrize("task", RANKING)
def test_ranking_tasks_equal_the_literal_evaluation(
    task: str, eval_dir: Path, plain: Literal, tiny_model: MaskedModel, tmp_path: Path
) -> None:
    ((found,), _) = find(str(eval_dir), [task], "full")
    report = run_ranking(found, tiny_model, tmp_path)
    paths = sorted(found.paths[0].glob("*.jsonl"))
    _, predictions, official = literal_task(task, paths, plain, None)
    folder = tmp_path / "zero_shot" / "mlm" / found.task.official / found.folder
    assert_same_predictions(json.loads((folder / "predictions.json").read_text()), predictions)
    (total,) = report.totals.values()
    assert total.official == pytest.approx(official, abs=1e-6)


@pytest.mark.parametrize("task", ["blimp", "supplement", "entity_tracking", "wug_adj"])
def test_ranking_tasks_equal_the_literal_evaluation_on_items_of_the_release(
    task: str, shared_data: Path, plain: Literal, tiny_model: MaskedModel, few: int | None
) -> None:
    paths = sorted((shared_data / "eval" / TASKS[task].paths["fast"][0]).glob("*.jsonl"))
    reader = TASKS[task].reader
    assert paths and reader
    items = [item for path in paths for item in read_items(path, reader)[:few]]
    expected, predictions, official = literal_task(task, paths, plain, few)
    flat = score(tiny_model, [each for item in items for each in item.candidates])
    np.testing.assert_allclose(flat, [x for row in expected for x in row], rtol=0, atol=1e-4)
    scores = np.split(flat, np.cumsum([len(item.candidates) for item in items])[:-1])
    assert_same_predictions(ranking.predictions(items, scores), predictions)
    (total,) = ranking.report(TASKS[task], items, scores).totals.values()
    assert total.official == pytest.approx(official, abs=1e-6)


def test_reading_times_equal_the_literal_evaluation(
    eval_dir: Path, plain: Literal, tiny_model: MaskedModel
) -> None:
    path = eval_dir / "fast_eval" / "reading" / "reading_data.csv"
    expected, scores = literal_reading(path, plain, None)
    data = reading.ReadingTimes(path)
    found = reading.surprisals(tiny_model, data)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert np.isnan(found[:, 1]).sum() == 20
    totals = reading.report(data, found).totals
    assert [each.official for each in totals.values()] == pytest.approx(scores, abs=1e-3)


def test_reading_times_equal_the_literal_evaluation_on_the_release(
    shared_data: Path, plain: Literal, tiny_model: MaskedModel, few: int | None
) -> None:
    path = shared_data / "eval" / "reading" / "reading_data.csv"
    data = reading.ReadingTimes(path)
    found = reading.surprisals(tiny_model, data)
    lines = None if few is None else 40
    expected, _ = literal_reading(path, plain, lines)
    np.testing.assert_allclose(found[:lines], expected, rtol=0, atol=1e-4)
    # The word with an empty context, and the next one, whose context is the text "None".
    assert np.isfinite(found[320, 0]) and np.isnan(found[971, 1])
    regressed = literal_regressions(path, list(found[:, 0]), list(found[:, 1]), None)
    totals = reading.report(data, found).totals
    assert [each.score for each in totals.values()] == pytest.approx(regressed, abs=1e-6)

"""Scores, predictions and reports against a literal implementation of the official evaluations of
2026 and 2025: plain `transformers`, one masked copy of the sentence per token, logits at all
positions; regressions with statsmodels.

On the items of the release, a few per file are compared; with ``--all-items`` all of them. The
model has random weights, or is the trained one in the folder ``AMLM_TEST_MODEL``.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
import torch
from scipy.stats import spearmanr
from transformers import AutoModelForMaskedLM, AutoTokenizer

from amlm.evaluation.figures import Floats
from amlm.evaluation.models import MaskedModel, load
from amlm.evaluation.places import find_model
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot import ranking, reading
from amlm.evaluation.zero_shot.choices import choose
from amlm.evaluation.zero_shot.items import read_items
from amlm.evaluation.zero_shot.run_tasks import run_ranking
from amlm.evaluation.zero_shot.scoring import score
from amlm.evaluation.zero_shot.tasks import find

BATCH = 64
FEW = 2  # items per file to compare without --all-items


class Literal:
    """The model as loaded by `transformers`, without regard to speed."""

    def __init__(self, folder: Path, before: int = 0) -> None:
        self.before = before  # 1 for masked next-token prediction
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
                found[n].append(torch.log_softmax(row[position - self.before], -1)[target].clone())
        return [float(torch.stack(found[n]).sum()) for n in range(len(pairs))]

    @torch.no_grad()
    def first_mask(self, context: str, word: str) -> float:
        encoded = self.tokenizer(context + self.tokenizer.mask_token * 3, return_tensors="pt")
        ids = encoded["input_ids"][0].tolist()
        at = (-3 if ids[-1] == self.tokenizer.mask_token_id else -4) - self.before
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


class LiteralItem(NamedTuple):
    """Key of the prediction, sentences, completions, texts that a prediction quotes, index of the
    correct candidate, fields of the line."""

    key: str
    sentences: list[str]
    completions: list[str]
    quoted: list[str]
    label: int
    line: dict[str, Any]


def literal_items(year: str, task: str, path: Path) -> list[LiteralItem]:
    """The items of a file, as the pipeline of a year makes them."""
    found = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        label = 0
        if task in ("blimp", "supplement"):
            sentences = completions = [line["sentence_good"], line["sentence_bad"]]
            key = line.get("UID", path.stem)
        elif task == "ewok" and year == "2026":
            sentences = [line[f"Context{n}"] + " " + line["Target1"] for n in (1, 2)]
            completions = [" " + line["Target1"]] * 2
            key = line["Domain"]
        elif task == "ewok":
            sentences = [line["Context1"] + " " + line[f"Target{n}"] for n in (1, 2)]
            completions = [" " + line[f"Target{n}"] for n in (1, 2)]
            key = line["Domain"]
        elif task == "entity_tracking":
            if year == "2026" and any("nothing" in option for option in line["options"]):
                continue
            sentences = [line["input_prefix"] + option for option in line["options"]]
            completions = line["options"]
            key = f"{path.stem}_{line['numops']}_ops"
        elif task == "comps":
            completions = [line["property_phrase"]] * 2
            prefixes = [line["prefix_acceptable"], line["prefix_unacceptable"]]
            sentences = [prefix + " " + line["property_phrase"] for prefix in prefixes]
            named = {"comps_base": "base", "comps_wugs": "wugs"}
            named["comps_wugs_dist-before"] = "wugs_dist_before"
            key = named.get(path.stem, "wugs_dist_in_between")
        elif task.startswith("global_piqa"):
            solutions = [line[name] for name in sorted(line) if name.startswith("solution")]
            sentences = [line["prompt"] + " " + solution for solution in solutions]
            completions = [" " + solution for solution in solutions]
            key, label = line["example_id"], line["label"]
        else:
            sentences = completions = line["sentences"].split("\t")
            key = task
        whole = task == "comps" or (task == "ewok" and year == "2026")
        quoted = sentences if whole else completions
        found.append(LiteralItem(key, sentences, completions, quoted, label, line))
    return found


def literal_task(
    year: str, task: str, paths: list[Path], plain: Literal, few: int | None
) -> tuple[list[list[float]], dict[str, Any], float]:
    """Scores, predictions and the official score of the first items of each file of a task.

    No item may have two candidates with the highest score, which is asserted.
    """
    items = [item for path in paths for item in literal_items(year, task, path)[:few]]
    pairs = [zip(item.sentences, item.completions, strict=True) for item in items]
    flat = iter(plain.sums([pair for each in pairs for pair in each]))
    scores = [[next(flat) for _ in item.sentences] for item in items]
    if task.startswith("global_piqa"):
        for item, each in zip(items, scores, strict=True):
            for n, completion in enumerate(item.completions):
                each[n] /= len(list(plain.copies(item.sentences[n], completion)))
    predictions: dict[str, Any] = {}
    hits: dict[str, list[bool]] = defaultdict(list)
    probs, ratios = [], []
    for item, each in zip(items, scores, strict=True):
        group = predictions.setdefault(item.key, {"predictions": []})["predictions"]
        choice = each.index(max(each))
        same = item.quoted.count(item.quoted[choice]) > 1
        assert same or each.count(max(each)) == 1, "a tie"
        group.append({"id": f"{item.key}_{len(group)}", "pred": item.quoted[choice]})
        # As on the server, texts are compared.
        right = item.quoted[choice].strip() == item.quoted[item.label].strip()
        hits[task if task.startswith("global_piqa") else item.key].append(right)
        if task.startswith("wug"):
            group[-1]["prob"] = float(torch.softmax(torch.tensor(each), 0)[0])
            probs.append(group[-1]["prob"])
            ratios.append(item.line["ratio"])
    if task.startswith("wug"):
        return scores, predictions, float(spearmanr(probs, ratios)[0])
    accuracy = {key: sum(each) / len(each) for key, each in hits.items()}
    means = list(accuracy.values())
    if task == "entity_tracking" and year == "2025":
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
def both(plain: Literal, tiny_model: MaskedModel) -> tuple[Literal, MaskedModel]:
    """The model for the items of the release, twice."""
    if folder := os.environ.get("AMLM_TEST_MODEL"):
        return Literal(Path(folder)), load(find_model(folder, "main"), "cpu", 4_096)
    return plain, tiny_model


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


RANKING = [
    (year, name)
    for year, rules in RULES.items()
    for name, task in rules.tasks.items()
    if task.reader and not (year == "2025" and task == RULES["2026"].tasks.get(name))
]


@pytest.mark.parametrize(("year", "task"), RANKING)
def test_ranking_tasks_equal_the_literal_evaluation(
    year: str,
    task: str,
    eval_dir: Path,
    plain: Literal,
    tiny_model: MaskedModel,
    tmp_path: Path,
) -> None:
    rules = RULES[year]
    ((found,), _) = find(rules, str(eval_dir), [task], "full")
    report = run_ranking(found, tiny_model, tmp_path, rules)
    paths = sorted(found.paths[0].glob("*.jsonl"))
    expected, predictions, official = literal_task(year, task, paths, plain, None)
    folder = tmp_path / "zero_shot" / "mlm" / found.task.official / found.folder
    assert_same_predictions(json.loads((folder / "predictions.json").read_text()), predictions)
    (total,) = report.totals.values()
    assert total.official == pytest.approx(official, abs=1e-6)
    assert total.expected == (total.official if year == "2026" else None)
    assert total.items == len(expected)
    cached = [json.loads((tmp_path / "scores" / found.folder / p.name.replace("jsonl", "json"))
              .read_text())["scores"] for p in paths]  # fmt: skip
    for ours, theirs in zip([row for rows in cached for row in rows], expected, strict=True):
        # GlobalPIQA's correct candidate comes first in ours.
        np.testing.assert_allclose(sorted(ours), sorted(theirs), rtol=0, atol=1e-4)


def test_masked_next_token_prediction_equals_the_literal_evaluation(
    eval_dir: Path, tiny_run: Path, tmp_path: Path
) -> None:
    plain, rules = Literal(tiny_run / "hf", before=1), RULES["2026"]
    model = load(find_model(str(tiny_run), "main"), "cpu", 512, backend="mntp")
    for task in ("supplement", "global_piqa_nonparallel"):
        ((found,), _) = find(rules, str(eval_dir), [task], "fast")
        report = run_ranking(found, model, tmp_path, rules)
        paths = sorted(found.paths[0].glob("*.jsonl"))
        _, predictions, official = literal_task("2026", task, paths, plain, None)
        folder = tmp_path / "zero_shot" / "mntp" / found.task.official / found.folder
        assert_same_predictions(json.loads((folder / "predictions.json").read_text()), predictions)
        assert report.totals["accuracy"].official == pytest.approx(official, abs=1e-6)
    data = reading.ReadingTimes(eval_dir / "fast_eval" / "reading" / "reading_data.csv")
    expected = [plain.surprisal(*each) for each in list(data.questions())[:20] if each]
    found_N = reading.surprisals(model, data).ravel()[:20]
    np.testing.assert_allclose(found_N[np.isfinite(found_N)], expected, rtol=0, atol=1e-4)


# With --all-items, these are all items of the release that we have.
RELEASED = [
    *(("2026", name) for name in ("blimp", "supplement", "entity_tracking")),
    *(("2025", name) for name in ("entity_tracking", "wug_adj")),
]


@pytest.mark.parametrize(("year", "task"), RELEASED)
def test_ranking_tasks_equal_the_literal_evaluation_on_items_of_the_release(
    year: str,
    task: str,
    shared_data: Path,
    both: tuple[Literal, MaskedModel],
    few: int | None,
) -> None:
    (plain, model), rules = both, RULES[year]
    of_year = rules.tasks[task]
    paths = sorted((shared_data / "eval" / of_year.paths["fast"][0]).glob("*.jsonl"))
    reader = of_year.reader
    assert paths and reader
    items = [item for path in paths for item in read_items(path, reader)[:few]]
    expected, predictions, official = literal_task(year, task, paths, plain, few)
    flat = score(model, [each for item in items for each in item.candidates])
    np.testing.assert_allclose(flat, [x for row in expected for x in row], rtol=0, atol=1e-4)
    scores = np.split(flat, np.cumsum([len(item.candidates) for item in items])[:-1])
    choices = choose(rules, items, scores, seed=0)
    assert_same_predictions(ranking.predictions(items, scores, choices), predictions)
    (total,) = ranking.report(of_year, items, scores, choices).totals.values()
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
    shared_data: Path, both: tuple[Literal, MaskedModel], few: int | None
) -> None:
    plain, model = both
    path = shared_data / "eval" / "reading" / "reading_data.csv"
    data = reading.ReadingTimes(path)
    found = reading.surprisals(model, data)
    lines = None if few is None else 40
    expected, _ = literal_reading(path, plain, lines)
    np.testing.assert_allclose(found[:lines], expected, rtol=0, atol=1e-4)
    # The word with an empty context, and the next one, whose context is the text "None".
    assert np.isfinite(found[320, 0]) and np.isnan(found[971, 1])
    regressed = literal_regressions(path, list(found[:, 0]), list(found[:, 1]), None)
    totals = reading.report(data, found).totals
    assert [each.score for each in totals.values()] == pytest.approx(regressed, abs=1e-6)

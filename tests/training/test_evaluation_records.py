"""Evaluation during training: the run equals one without it, to the bit; each record equals a new
evaluation of the exported model; a resumed run equals an uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import lightning as L
import numpy as np
import pytest
import torch

from amlm.config.command_line import check_command
from amlm.config.run_schema import EvaluationConfig
from amlm.config.schema import Config
from amlm.evaluation.models import load
from amlm.evaluation.places import find_model
from amlm.evaluation.rules import DEFAULT, RULES
from amlm.evaluation.zero_shot.items import Item, sample_items
from amlm.evaluation.zero_shot.scoring import score
from amlm.tokenizers.bpe import load_tokenizer
from amlm.train import COMMAND, train
from amlm.training.callbacks import word_checkpoints
from amlm.training.callbacks.evaluation import Evaluation, first_of_each
from amlm.training.checkpoint_files import newest
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.record import read_log
from amlm.training.run import Result
from amlm.training.run_log import RunLog
from amlm.util.errors import InputError

STEPS = (
    "experiment=hard_decay_nhot",
    "trainer.max_steps=12",
    "trainer.validate_every=5",
    "checkpoints.every=4",
    "masking.update_every=3",
)
SCORED = ("evaluation.tasks=[sample,supplement]", "evaluation.items=3")


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Overrides for scores at 500 and 1,500 words and at the end, with data of four items."""
    monkeypatch.setattr(word_checkpoints, "THRESHOLDS", [500, 1_500, 10**9])
    monkeypatch.setattr(word_checkpoints, "MILLION", 500)
    folder = tmp_path / "eval" / "supplement_fast"
    folder.mkdir(parents=True)
    pair = {"sentence_good": "The dog sees a red ball.", "sentence_bad": "The dog see a red ball."}
    for name in ("a", "b"):
        (folder / f"{name}.jsonl").write_text(4 * f"{json.dumps(pair)}\n")
    return *SCORED, f"evaluation.data_dir={tmp_path / 'eval'}"


def numbers(folder: Path) -> list[dict[str, Any]]:
    drop = ("tokens_per_second", "seconds", "peak_memory", "scores")
    return [
        {k: v for k, v in record.items() if k not in drop}
        for record in read_log(folder)
        if record["kind"] != "evaluation"
    ]


def scores_of(folder: Path) -> list[dict[str, Any]]:
    return [record for record in read_log(folder) if record["kind"] == "evaluation"]


def test_evaluation_leaves_the_run_unchanged_and_equals_its_exports(
    tiny_run: Callable[..., Result], scored: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    without = tiny_run(*STEPS)
    with_scores = tiny_run(*STEPS, *scored)
    assert numbers(with_scores.folder) == numbers(without.folder)
    weights = [newest(run.folder)[1]["state_dict"] for run in (without, with_scores)]
    assert all(torch.equal(weights[0][n], v) for n, v in weights[1].items() if torch.is_tensor(v))

    records = scores_of(with_scores.folder)
    exports = [r for r in read_log(with_scores.folder) if r["kind"] == "checkpoint"]
    assert [r["step"] for r in records] == [*(r["step"] for r in exports), 12]
    items = first_of_each(sample_items(), 3)
    for record, name in zip(records, ("chck_1M", "chck_3M", "main"), strict=True):
        model = load(find_model(str(with_scores.folder), name), "cpu", 512)
        flat = score(model, [each for item in items for each in item.candidates])
        lead = flat[::2] - flat[1::2]
        figure = record["sample"]
        assert figure["score"] == pytest.approx(100 * np.mean(lead > 1e-4))
        assert figure["ties"] == pytest.approx(100 * np.mean(np.abs(lead) <= 1e-4))
        assert figure["low"] <= figure["score"] <= figure["high"] and figure["chance"] == 50
        assert (figure["items"], record["supplement"]["items"]) == (17 * 3, 6)
    assert with_scores.summary["scores"]["sample"] == records[-1]["sample"]
    shown = capsys.readouterr().out
    assert "minimal pairs" in shown and "by chance 50; 51 items" in shown and "supplement" in shown


def test_a_stopped_run_scores_each_step_once(
    tiny: Callable[..., Config],
    scored: tuple[str, ...],
    tmp_path: Path,
    interrupt: Callable[[Config, int], None],
) -> None:
    options = (*STEPS, *scored, "evaluation.items=1")
    whole = train(tiny(*options, f"run_dir={tmp_path / 'whole'}")).folder
    steps = [record["step"] for record in scores_of(whole)]
    # After a checkpoint; after scores that are not in a checkpoint yet.
    for stop in (4, steps[1] + 1):
        config = tiny(*options, f"run_dir={tmp_path / f'stopped{stop}'}")
        interrupt(config, stop + 1)
        assert scores_of(train(config).folder) == scores_of(whole)


def test_grammar_that_falls_while_morphology_gains_is_said_at_once(
    tiny_run: Callable[..., Result], scored: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = iter([(60.0, 0.1), (50.0, 0.2), (51.0, 0.3)])

    def scores(*_: object) -> dict[str, Any]:
        grammar, morphology = next(planned)
        figure = {"chance": 50.0, "items": 9, "unscored": 0, "ties": 0.0, "official": grammar}
        blimp = {**figure, "score": grammar, "low": grammar - 2, "high": grammar + 2}
        return {"blimp": blimp, "wug_adj": {**blimp, "score": morphology}}

    monkeypatch.setattr(Evaluation, "scores", scores)
    records = read_log(tiny_run(*STEPS, *scored).folder)
    kinds = [r["kind"] for r in records if r["kind"] in ("evaluation", "health")]
    assert kinds == ["evaluation", "evaluation", "health", "evaluation"]
    (event,) = (r for r in records if r["kind"] == "health")
    second = [r["step"] for r in records if r["kind"] == "evaluation"][1]
    assert (event["event"], event["step"]) == ("grammar_fell", second)


def test_only_the_first_rank_evaluates(tiny_run: Callable[..., Result], tmp_path: Path) -> None:
    folder = tiny_run("trainer.max_steps=1").folder
    log = RunLog(tmp_path)
    tokenizer = load_tokenizer(folder / "hf")
    callback = Evaluation(EvaluationConfig(tasks=["sample"], items=1), log, tokenizer, 5, 64)
    elsewhere = cast(L.Trainer, SimpleNamespace(is_global_zero=False))
    callback.on_step_end(elsewhere, cast(AdaptiveMaskedLM, None), 5)
    assert not log.latest


def test_evaluation_only_at_the_end_leaves_out_word_checkpoints(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tiny_run("trainer.max_steps=1").folder
    monkeypatch.setattr(Evaluation, "scores", lambda self, module: {})
    for at, steps in (("end", [5]), ("checkpoints", [3, 5])):
        log = RunLog(tmp_path / at)
        kept: list[int] = []
        log.latest["checkpoint"] = {"step": 3}
        monkeypatch.setattr(log, "write", lambda _, values, kept=kept: kept.append(values["step"]))
        config = EvaluationConfig(tasks=["sample"], items=1, at=at)
        callback = Evaluation(config, log, load_tokenizer(folder / "hf"), 5, 64)
        first_rank = cast(L.Trainer, SimpleNamespace(is_global_zero=True, callbacks=[]))
        for step in range(6):
            callback.on_step_end(first_rank, cast(AdaptiveMaskedLM, None), step)
        assert kept == steps


def test_first_of_each_keeps_the_first_items_of_each_group() -> None:
    items = [Item(uid, []) for uid in "abaabc"]
    assert first_of_each(items, 2) == [items[n] for n in (0, 1, 2, 4, 5)]
    assert first_of_each(items, 1) == [items[n] for n in (0, 1, 5)]


def test_the_summary_of_a_sample_run_shows_its_score(
    tiny_run: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    result = tiny_run(
        "data=sample",
        "data.dir=null",
        "debug=fast",
        "trainer.max_steps=2",
        "data.sample_words=1000",
    )
    assert set(result.summary["scores"]) == {"sample"}
    assert "minimal pairs" in capsys.readouterr().out


def test_tasks_are_those_that_rank_candidates_of_the_fast_suite(tmp_path: Path) -> None:
    (choices,) = [
        each.metadata["choices"]
        for name, each in EvaluationConfig.__dataclass_fields__.items()
        if name == "tasks"
    ]
    tasks = [task for rules in RULES.values() for task in rules.tasks.items()]
    ranking = {name for name, task in tasks if task.reader and "fast" in task.paths}
    assert set(choices) == ranking | {"sample"}
    years = EvaluationConfig.__dataclass_fields__["rules"]
    assert years.metadata["choices"] == tuple(RULES) and years.default == DEFAULT
    for override, part in (
        ("evaluation.tasks=[blmp]", "evaluation.tasks=blmp"),
        ("evaluation.items=0", "at least 1"),
        ("evaluation.tasks=[blimp]", "evaluation.data_dir=<folder> is needed"),
        ("evaluation.tasks=[wug_past]", "evaluation.tasks=wug_past is not a task of rules=2026"),
    ):
        with pytest.raises(InputError, match=part):
            check_command(COMMAND, [override])
    with pytest.raises(InputError, match="has no data for blimp"):
        check_command(COMMAND, ["evaluation.tasks=[blimp]", f"evaluation.data_dir={tmp_path}"])

"""From a run to its submission in one command, with a tiny model and toy items laid out like the
official sets, whose sizes stand for the official ones here."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM

from amlm.evaluate import run
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning import finetune as finetuning
from amlm.evaluation.finetuning.classifier import Classifier
from amlm.evaluation.finetuning.train_task import train_task
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.submission import forecast, sizes
from amlm.evaluation.zero_shot import aoa, reading, run_tasks
from amlm.evaluation.zero_shot.scoring import Query
from amlm.util.errors import InputError
from tests.evaluation.conftest import save_model

MILLIONS = (1, 2, 3)
PIECES = {"label": 1, "question": "q", "question1": "a", "question2": "b", "span1_text": "it"}
BOXES = {"0": 3, "1": 2, "2": 2}  # without those with "nothing"
SIZES = {
    "fast": {
        "blimp": {"npi": 8, "island": 8},
        "supplement": {"turns": 5},
        "ewok": {"agents": 5, "spaces": 5},
        "entity_tracking": {f"regular_{n}_ops": size for n, size in BOXES.items()},
        "global_piqa_parallel": {"global_piqa_parallel": 8},
        "global_piqa_nonparallel": {"global_piqa_nonparallel": 8},
        "reading": {"reading": 60},
    }
}
SIZES["full"] = SIZES["fast"] | {
    "entity_tracking": {
        f"{split}_{n}_ops": size
        for split in ("regular", "ambiref", "move_contents")
        for n, size in BOXES.items()
    },
    "comps": {"base": 3, "wugs": 4, "wugs_dist_before": 5, "wugs_dist_in_between": 6},
}
GLUE = {"boolq": 3, "mnli": 3, "mrpc": 3, "multirc": 3, "qqp": 3, "rte": 3, "wsc": 3}


@pytest.fixture(autouse=True)
def toy_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "SIZES", {"2026": SIZES, "2025": {"full": {}}})
    monkeypatch.setattr(sizes, "GLUE", GLUE)
    monkeypatch.setattr(sizes, "CONTEXTS", 36)
    monkeypatch.setattr(sizes, "MILLIONS", {"strict-small": MILLIONS})
    monkeypatch.setattr(run_tasks, "CACHED", 6)  # BLiMP's files have 8 items
    monkeypatch.setattr(reading, "RESAMPLES", 20)
    monkeypatch.setattr(aoa, "age_of_model", lambda *_: None)  # fits to noise are slow


@pytest.fixture(scope="module")
def model(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with three checkpoints. Do not modify it."""
    folder = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("run") / "tiny"))
    for millions in (10, 20):
        shutil.rmtree(folder / "checkpoints" / f"chck_{millions}M")
    return folder


@pytest.fixture(scope="module")
def data(eval_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both suites and (Super)GLUE."""
    root = Path(shutil.copytree(eval_dir, tmp_path_factory.mktemp("data") / "evaluation_data"))
    dice, folder = random.Random(1), root / "full_eval" / "glue_filtered"
    folder.mkdir()
    for name in GLUE:
        for split, count in (("train", 4), ("valid", 3)):
            names = ("passage", "answer", "paragraph", "sentence1", "sentence2", "text", "premise",
                     "hypothesis", "span2_text")  # fmt: skip
            lines = [
                PIECES | {key: dice.choice(["a dog", "the cat sleeps"]) for key in names}
                for _ in range(count)
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (folder / f"{name}.{split}.jsonl").write_text(text)
    return root


class Work:
    """What models were asked: each masked input once per model; fine-tuned tasks.

    Counts down to an interrupt if told to, which loses the work that is under way.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answered: Counter[str] = Counter()
        self.tuned: list[tuple[str, str]] = []
        self.left = -1
        log_probs = MaskedModel.log_probs

        def answer(model: MaskedModel, queries: Sequence[Query]) -> Any:
            self.count()
            key = model.fingerprint, [(q.ids_L.tolist(), q.position, q.target) for q in queries]
            self.answered[json.dumps(key)] += 1
            return log_probs(model, queries)

        def tune(*arguments: Any, **more: Any) -> Any:
            self.count()
            self.tuned.append((more["title"].split(",")[0], arguments[4].pooling))
            return train_task(*arguments, **more)

        # The forecast asks models too.
        monkeypatch.setattr(forecast, "time_share", lambda scorer, items: float(len(items)))
        monkeypatch.setattr(forecast.Forecast, "_tune", lambda self, step, name: 3_600.0)
        monkeypatch.setattr(MaskedModel, "log_probs", answer)
        monkeypatch.setattr(finetuning, "train_task", tune)

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


def options(model: Path, data: Path, out: Path, **more: Any) -> Options:
    fields = {"epochs": 1, "batch_size": 2, "max_length": 32, "device": "cpu", **more}
    return Options(str(model), str(out), str(data), submission=str(out / "mine.json"), **fields)


def test_an_interrupted_command_repeats_nothing(
    model: Path,
    data: Path,
    tmp_path: Path,
    work: Work,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(options(model, data, tmp_path / "whole"))
    whole, work.answered = work.answered, Counter()
    assert set(whole.values()) == {1} and len(work.tuned) == 7
    said = capsys.readouterr().out
    zero_shot = "blimp, supplement, ewok, entity_tracking, global_piqa_parallel, global_piqa_nonp"
    shown = [
        f"fast suite at 3 checkpoints: {zero_shot}",
        f"full suite: {zero_shot}",
        "fine-tuning: boolq, mnli, mrpc, multirc, qqp, rte, wsc",
        "in total about",
        "the same command resumes",
        f"1 of 5: {zero_shot}",
        "5 of 5: boolq, mnli, mrpc, multirc, qqp, rte, wsc at main",
        f"submission: {tmp_path / 'whole' / 'mine.json'}",
    ]
    places = [said.find(text) for text in shown]
    assert -1 not in places and places == sorted(places), said
    assert "7 h 0 min" in said  # seven tasks of an hour
    content = json.loads((tmp_path / "whole" / "mine.json").read_text())
    assert all(content.values()) and len(content["fast_eval_results"]["ewok"]) == 3

    work.tuned.clear()
    for tasks_left in (0, 0, 3):  # twice while scoring, then while fine-tuning the third task
        work.left = len(whole) - len(work.answered) + tasks_left if tasks_left else 30
        with pytest.raises(KeyboardInterrupt):
            run(options(model, data, tmp_path / "part"))
        assert not (tmp_path / "part" / "mine.json").exists()
    work.left = -1
    run(options(model, data, tmp_path / "part"))
    assert work.answered == whole
    assert Counter(work.tuned) == Counter(dict.fromkeys(((name, "last") for name in GLUE), 1))
    assert json.loads((tmp_path / "part" / "mine.json").read_text()) == content
    capsys.readouterr()
    run(options(model, data, tmp_path / "part"))
    assert work.answered == whole and "to be evaluated" not in capsys.readouterr().out


def test_what_is_of_other_rules_settings_or_models_is_done_again(
    model: Path, data: Path, tmp_path: Path, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(model, tmp_path / "tiny"))
    mine = options(model, data, tmp_path)
    before = replace(mine, rules="2025", submission=None, finetune=["rte"])
    for revision in ("chck_2M", "chck_3M"):
        run(replace(before, revision=revision, tasks=["ewok", "supplement"], finetune=[]))
    run(before)
    assert work.tuned == [("rte", "first")]
    asked = dict(work.answered)
    run(mine)
    assert set(work.answered.values()) == {1}, "scores that are the same in both years are reused"
    assert len(work.tuned) == 8 and work.tuned[-2] == ("rte", "last")
    content = (tmp_path / "mine.json").read_text()
    run(options(model, data, tmp_path / "anew"))
    assert (tmp_path / "anew" / "mine.json").read_text() == content
    assert {key for key, times in work.answered.items() if times == 1} < asked.keys()

    # Another model at a checkpoint, under the same name.
    work.answered.clear()
    work.tuned.clear()
    capsys.readouterr()
    path = model / "checkpoints" / "chck_3M" / "model.safetensors"
    weights = load_file(path)
    weights["cls.predictions.bias"] += torch.randn(len(weights["cls.predictions.bias"]))
    save_file(weights, path, metadata={"format": "pt"})
    run(mine)
    assert "1 of 2: blimp, " in (said := capsys.readouterr().out) and " at chck_3M" in said
    assert "2 of 2: aoa at main" in said and not work.tuned
    assert len({json.loads(key)[0] for key in work.answered}) == 1
    assert (tmp_path / "mine.json").read_text() != content

    # The same, with the fast suite of the new one evaluated by itself before.
    weights["cls.predictions.bias"].neg_()
    save_file(weights, path, metadata={"format": "pt"})
    run(replace(mine, submission=None, suite="fast", revision="chck_3M"))
    capsys.readouterr()
    run(mine)
    assert "full suite: aoa" in (said := capsys.readouterr().out) and "fast suite at" not in said

    # Other settings of fine-tuning.
    run(replace(mine, seeds=[7], pooling="first"))
    assert work.tuned == [(name, "first") for name in GLUE]

    # Other items, though as many.
    other = Path(shutil.copytree(data, tmp_path / "other"))
    for name in ("comps/comps_base", "glue_filtered/rte.train"):
        path = other / "full_eval" / f"{name}.jsonl"
        path.write_text("".join(path.open().readlines()[::-1]))
    work.answered.clear()
    work.tuned.clear()
    capsys.readouterr()
    mine = replace(mine, data_dir=str(other), seeds=[7], pooling="first")
    run(mine)
    said = capsys.readouterr().out
    assert "1 of 2: comps at main" in said and "2 of 2: rte at main" in said
    assert work.tuned == [("rte", "first")] and work.answered
    made = json.loads((tmp_path / "mine.json").read_text())["comps"]["base"]["predictions"]
    lines = map(json.loads, (other / "full_eval" / "comps" / "comps_base.jsonl").open())
    for one, line in zip(made, lines, strict=True):
        starts = line["prefix_acceptable"], line["prefix_unacceptable"]
        assert one["pred"] in [f"{start} {line['property_phrase']}" for start in starts]

    # Another seed of draws: predictions are made again, from the scores that there are.
    asked, drawn = dict(work.answered), replace(mine, tie_seed=1)
    run(drawn)
    said = capsys.readouterr().out
    assert "1 of 4: blimp, supplement, ewok, entity_tracking, global_piqa_parallel" in said
    assert "reading at main" not in said and work.answered == asked and len(work.tuned) == 1
    run(drawn)
    assert "to be evaluated" not in capsys.readouterr().out


def test_what_cannot_be_evaluated_is_said_before_anything_is(
    model: Path, data: Path, tmp_path: Path, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    some = Path(shutil.copytree(data, tmp_path / "some"))
    shutil.rmtree(some / "full_eval" / "ewok_filtered")
    (some / "full_eval" / "glue_filtered" / "rte.train.jsonl").unlink()
    (some / "full_eval" / "supplement_filtered" / "anaphor.jsonl").write_text("{")
    for name in ("comps/comps_wugs", "glue_filtered/qqp.valid"):
        path = some / "full_eval" / f"{name}.jsonl"
        path.write_text("".join(path.open().readlines()[1:]))
    path = some / "fast_eval" / "reading" / "reading_data.csv"
    path.write_text("".join(path.open().readlines()[:-1]))
    model = Path(shutil.copytree(model, tmp_path / "tiny"))
    shutil.rmtree(model / "checkpoints" / "chck_3M")
    with pytest.raises(InputError) as caught:
        run(options(model, some, tmp_path))
    for text in (
        "would be incomplete:",
        "  supplement, ewok, comps, aoa (full suite) at main: no results",
        "  reading (fast suite) at all 3 checkpoints: no results",
        "  blimp, supplement, ewok, entity_tracking, global_piqa_parallel, global_piqa_nonparallel "
        "(fast suite) at chck_3M: no results",
        "  qqp, rte (fine-tuning) at main: no results",
        f"data_dir={some} has no ewok_filtered, in it or in its folder full_eval",
        f"data_dir={some} is incomplete, comps (full suite): wugs has 3 items, not 4",
        f"data_dir={some} is incomplete, qqp (fine-tuning): qqp has 2 items, not 3",
        f"data_dir={some} is incomplete, reading (fast suite): reading has 59 items, not 60",
        "BabyLM-community/BabyLM-2026-Strict-Evals",
        f"data_dir={some} has no glue_filtered/rte.*.jsonl, in it or in its folder full_eval",
        "anaphor.jsonl, line 1: not valid JSON",
        f"model={model} lacks chck_3M: train it on 3 million words",
        "allow_missing=true",
    ):
        assert text in str(caught.value), text
    assert str(caught.value).find("no results") > str(caught.value).find("lacks chck_3M"), "causes"
    assert "wsc" not in str(caught.value) and not work.answered

    run(options(model, some, tmp_path, allow_missing=True))
    content = json.loads((tmp_path / "mine.json").read_text())
    assert [key for key, part in content.items() if part is None] == [
        "blimp_supplement", "ewok", "comps", "aoa_surprisals", "aoa",
    ]  # fmt: skip
    assert [name for name, part in content["glue"].items() if part is None] == ["qqp", "rte"]
    for name, entries in content["fast_eval_results"].items():
        nulls = [n for n, entry in enumerate(entries) if entry is None]
        assert nulls == ([0, 1, 2] if name == "reading" else [2])
    said = capsys.readouterr().out
    plan = said.find("to be evaluated for")
    refused = str(caught.value).splitlines()[:-1]  # but how to allow it
    assert all(0 <= said.find(line) < plan for line in refused), "known before hours of work"
    assert "fast suite at 2 checkpoints" in said and "fine-tuning: boolq, mnli, mrpc, mu" in said
    assert "written as null" in said and "qqp, rte (fine-tuning) at main: no results" in said

    for seed, millions in ((3, 3), (6, 30)):
        tokenizer = Tokenizer.from_file(str(model / "hf" / "tokenizer.json"))
        save_model(model / "checkpoints" / f"chck_{millions}M", tokenizer, seed)
    with pytest.raises(
        InputError, match=r"track=strict-small, but .* also has chck_30M: move them"
    ):
        run(options(model, data, tmp_path))


def test_the_forecast_is_the_time_of_a_share_times_the_number_of_items(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that shows one second per masked input, and per pass of a classifier."""
    now = 0.0

    def log_probs(model: MaskedModel, queries: Sequence[Query]) -> Any:
        nonlocal now
        now += len(queries)
        return np.zeros(len(queries), dtype=np.float32)

    forward = Classifier.forward

    def classify(*arguments: Any) -> Any:
        nonlocal now
        now += 1
        return forward(*arguments)

    monkeypatch.setattr(forecast, "perf_counter", lambda: now)
    monkeypatch.setattr(MaskedModel, "log_probs", log_probs)
    monkeypatch.setattr(Classifier, "forward", classify)
    monkeypatch.setattr(forecast, "SHARE", 4)
    mine = options(model, data, tmp_path)
    found = forecast.Forecast(mine)

    # Contexts of the age of acquisition have one word each, of a known number of tokens.
    tokenizer = found.scorer.tokenizer
    listed = json.loads((data / "full_eval" / "aoa" / "cdi_childes.json").read_text())
    words = [word for word, contexts in listed.items() if len(word) > 1 for _ in contexts]
    share = words[::9]  # 36 contexts, 4 of them
    pieces = [tokenizer.tokenize(f"the {word}") for word in share]
    # A space alone, before a rare word, is not part of the word.
    masked = sum(piece not in ("▁the", "▁") for each in pieces for piece in each)
    ages = replace(mine, suite="full", tasks=["aoa"])
    assert found.seconds(ages) == pytest.approx(3 * 36 * masked / 4)

    # 4 training items are 2 batches, 3 validation items one: 3 passes, 30 epochs, 2 seeds.
    tuning = replace(mine, finetune=["wsc", "rte"], epochs=None, seeds=[1, 2])
    assert found.seconds(tuning) == 2 * 3 * (30 + 10)
    assert list(forecast.spaced(range(10), 4)) == [0, 2, 4, 6, 8]
    assert list(forecast.spaced(range(3), 4)) == [0, 1, 2]


def test_the_forecast_refuses_what_fine_tuning_would(
    model: Path, data: Path, tmp_path: Path
) -> None:
    few = BertConfig(
        vocab_size=1_000, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=6,
    )  # fmt: skip
    BertForMaskedLM(few).save_pretrained(tmp_path / "bert")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / "hf" / name, tmp_path / "bert")
    mine = replace(options(tmp_path / "bert", data, tmp_path), finetune=["rte"])
    found = forecast.Forecast(mine)
    with pytest.raises(InputError, match=r"max_length=32 exceeds the .* use max_length=6$"):
        found.seconds(mine)
    with pytest.raises(InputError, match="batch_size=5 is larger than the 4 training items"):
        found.seconds(replace(mine, batch_size=5))

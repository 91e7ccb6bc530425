"""The command from options to files: what it writes, what it caches, what it refuses."""

from __future__ import annotations

import json
import math
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from amlm.config import command_line
from amlm.evaluate import COMMAND, evaluate, run
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.results import load_or_compute, write_scores
from amlm.evaluation.zero_shot.baselines import Frequency, count_tokens
from amlm.evaluation.zero_shot.items import suffix, whole
from amlm.evaluation.zero_shot.scoring import score
from amlm.util.errors import InputError
from amlm.util.files import write_json
from tests import forked


def run_and_list_grammar(arguments: list[str]) -> None:
    command_line.run(COMMAND, arguments)
    print("grammar:", [name for name in sys.modules if name.startswith("amlm.sample")])  # noqa: T201


@pytest.fixture
def query_counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of queries of each call of a model."""
    counts: list[int] = []
    plain = MaskedModel.log_probs

    def counted(self: MaskedModel, queries: Any) -> Any:
        counts.append(len(queries))
        return plain(self, queries)

    monkeypatch.setattr(MaskedModel, "log_probs", counted)
    return counts


def test_evaluate_runs_the_full_suite_and_its_baselines(
    quick_fits: None,
    tiny_run: Path,
    eval_dir: Path,
    tmp_path: Path,
    query_counts: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The dog sees the cat.\nThe cat sleeps.\n")
    options = Options(
        str(tiny_run),
        str(tmp_path),
        str(eval_dir),
        suite="full",
        baselines=["untrained", "frequency"],
        frequency_text=str(text),
    )
    reports = evaluate(options)
    folder = tmp_path / "results" / "tiny" / "main"
    official = folder / "zero_shot" / "mlm"
    written = {path.relative_to(official).as_posix() for path in official.rglob("*.json")}
    ranking = [
        "blimp/blimp_filtered",
        "blimp/supplement_filtered",
        "ewok/ewok_filtered",
        "entity_tracking/entity_tracking",
        "comps/comps",
        "global_piqa_parallel/global_piqa_parallel",
        "global_piqa_nonparallel/global_piqa_nonparallel",
        "reading",
    ]
    assert written == {f"{each}/predictions.json" for each in ranking} | {
        "AoA_word/surprisal.json",
        "AoA_word/aoa_score.json",
    }
    assert set(json.loads((official / "blimp/blimp_filtered/predictions.json").read_text())) == {
        "island",
        "npi",
    }
    surprisal = json.loads((official / "AoA_word" / "surprisal.json").read_text())
    steps = [line["step"] for line in surprisal["results"]]
    assert list(dict.fromkeys(steps)) == [f"chck_{n}M" for n in (1, 2, 3, 10, 20)]
    assert len(steps) == 5 * 36
    score = json.loads((official / "AoA_word" / "aoa_score.json").read_text())
    assert score == {"aoa": reports["model"]["aoa"].totals["Pearson"].official}
    piqa = json.loads(
        (official / "global_piqa_parallel/global_piqa_parallel/predictions.json").read_text()
    )
    assert list(piqa) == [f"eng_parallel_{n}" for n in range(8)]
    assert [each["id"] for each in piqa["eng_parallel_3"]["predictions"]] == ["eng_parallel_3_0"]
    assert set(reports["model"]["global_piqa_parallel"].groups["uid"]) == {"global_piqa_parallel"}
    scores = json.loads((folder / "scores.json").read_text())
    assert set(scores["tasks"]) == set(reports["model"]) and scores["rules"] == "2026"
    npi = scores["tasks"]["blimp_filtered"]["groups"]["uid"]["npi"]
    assert npi["items"] == 8 and npi["low"] <= npi["score"] <= npi["high"]
    # `amlm.compare` resamples items: their outcomes give the score.
    assert len(scores["tasks"]["blimp_filtered"]["hits"]["npi"]) == 8
    for task in ("blimp_filtered", "ewok_filtered", "comps", "global_piqa_parallel"):
        groups = scores["tasks"][task]["hits"].values()
        means = [each.count("1") / len(each) for each in groups]
        total = scores["tasks"][task]["totals"]["accuracy"]["score"]
        assert 100 * sum(means) / len(means) == pytest.approx(total)
    assert set(scores["tasks"]["ewok_filtered"]["groups"]) == {
        "uid",
        "ContextType",
        "ContextDiff",
        "TargetDiff",
    }
    for name in ("main-untrained", "main-frequency"):
        assert (folder.parent / name / "scores.json").exists()
    assert set(reports["untrained"]) == set(reports["model"]) - {"aoa"}
    shown = capsys.readouterr().out
    scored = {line.split()[1]: line for line in shown.splitlines() if line.startswith("scoring ")}
    assert [*scored] == ["model", "untrained", "frequency"]
    assert "aoa" in scored["model"] and "comps" in scored["untrained"]
    assert "aoa" not in scored["untrained"], "a baseline has no checkpoints"
    for cell in (
        "95 % interval",
        "official",
        "expected",
        "untrained",
        "comps, accuracy",
        "Pearson",
    ):
        assert cell in shown

    query_counts.clear()
    again = evaluate(options)
    assert not query_counts and again == reports


def test_scores_of_another_year_are_not_mixed_in(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, query_counts: list[int]
) -> None:
    options = Options(str(tiny_run), str(tmp_path), str(eval_dir), ["supplement", "ewok"])
    now = evaluate(options)["model"]
    folder = tmp_path / "results" / "tiny" / "main"
    quoted = folder / "zero_shot/mlm/ewok/ewok_fast/predictions.json"
    (first, *_) = json.loads(quoted.read_text())["agents"]["predictions"]
    assert not first["pred"].startswith(" ")
    options.rules, before_queries = "2025", len(query_counts)
    before = evaluate(options)["model"]
    assert len(query_counts) == before_queries + 2  # EWoK's two domains; the supplement is cached
    assert before["supplement_fast"].totals["accuracy"].score == (
        now["supplement_fast"].totals["accuracy"].score
    )
    (first, *_) = json.loads(quoted.read_text())["agents"]["predictions"]
    assert first["pred"].startswith(" ")
    options.rules, options.tasks = "2026", ["reading"]
    evaluate(options)
    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["rules"], set(scores["tasks"])) == ("2026", {"reading"})


def test_a_name_with_a_dot_is_cut_as_in_the_official_pipeline(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run / "hf", tmp_path / "cut-0.1")
    options = Options(str(tmp_path / "cut-0.1"), str(tmp_path), str(eval_dir), ["supplement"])
    for _ in range(2):
        evaluate(options)
    assert (tmp_path / "results" / "cut-0" / "main" / "scores.json").is_file()
    shown = capsys.readouterr().out
    assert shown.count("warning: the results of cut-0.1 go to results/cut-0, because the") == 1
    assert "models that differ only after it share that folder" in shown


def test_the_leaderboard_of_a_full_evaluation_names_what_is_missing(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(
        str(tiny_run), str(tmp_path), str(eval_dir), ["supplement", "global_piqa_parallel"]
    )
    options.suite, options.anchors = "full", "2026"
    run(options)
    shown = capsys.readouterr().out
    assert "leaderboard of 2026" in shown and "small: Qiushi" in shown
    for text in (
        "missing, at least in part: BLiMP, supp., EWoK, entity, COMPS, GLUE, PIQA, reading, AoA (",
        "left out: supplement_filtered: hypernym has 0 items, not ",
        "left out: global_piqa_parallel: global_piqa_parallel has 8 items, not 103",
        "small: GPT-2, strict: GPT-2: baselines in the README of babylm-org/babylm-eval",
    ):
        assert text in shown
    options.rules = "2025"
    with pytest.raises(InputError, match=r"anchors=2026 can't be compared .* add rules=2026"):
        run(options)


def test_scores_of_a_file_are_cached_until_it_or_the_model_changes(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, query_counts: list[int]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(eval_dir / "fast_eval" / "blimp_fast", data / "blimp_fast")
    options = Options(str(tiny_run), str(tmp_path), str(data), tasks=["blimp"])
    first = evaluate(options)
    assert len(query_counts) == 2
    (tmp_path / "results/tiny/main/scores/blimp_fast/npi.json").write_text("{truncated")
    assert evaluate(options) == first and len(query_counts) == 3
    lines = (data / "blimp_fast" / "npi.jsonl").read_text().splitlines()
    (data / "blimp_fast" / "npi.jsonl").write_text("\n".join(lines[:5]))
    assert evaluate(options)["model"]["blimp_fast"].totals["accuracy"].items == 13
    assert len(query_counts) == 4
    (tmp_path / "run").mkdir()
    shutil.copytree(tiny_run / "checkpoints" / "chck_1M", tmp_path / "tiny")
    other = Options(str(tmp_path / "tiny"), str(tmp_path), str(data), tasks=["blimp"])
    evaluate(other)
    assert len(query_counts) == 6


def test_scores_of_several_commands_are_merged(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amlm.evaluation.zero_shot.items.SAMPLE_PAIRS", 20)
    for task in ("supplement", "sample"):
        evaluate(Options(str(tiny_run), str(tmp_path), str(eval_dir), [task], revision="chck_2M"))
    folder = tmp_path / "results" / "tiny" / "chck_2M"
    assert set(json.loads((folder / "scores.json").read_text())["tasks"]) == {
        "supplement_fast",
        "sample",
    }
    predictions = json.loads((folder / "zero_shot/mlm/sample/sample/predictions.json").read_text())
    assert len(predictions) == 17


def test_commands_at_the_same_time_keep_each_others_scores(tmp_path: Path) -> None:
    about = {"fingerprint": "a", "rules": "2026"}
    second = threading.Thread(target=write_scores, args=(tmp_path, about, {"ewok_fast": 2}))
    with FileLock(tmp_path / ".lock"):
        second.start()
        second.join(0.2)
        assert second.is_alive()
        write_json(tmp_path / "scores.json", {**about, "tasks": {"blimp_fast": 1}})
    second.join(20)
    found = json.loads((tmp_path / "scores.json").read_text())["tasks"]
    assert found == {"blimp_fast": 1, "ewok_fast": 2}


def test_results_of_another_model_of_the_same_name_are_replaced_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for fingerprint, model in (("x", "a/hf"), ("x", "moved/hf"), ("y", "moved/hf")):
        write_scores(tmp_path, {"fingerprint": fingerprint, "model": model}, {"blimp_fast": 1})
    assert not capsys.readouterr().out  # moved, and trained again in its place
    for task in ("blimp_fast", "ewok_fast"):
        write_scores(tmp_path, {"fingerprint": "z", "model": "b/hf"}, {task: 2})
    assert capsys.readouterr().out == (
        f"warning: {tmp_path} has results of model=moved/hf, which those of model=b/hf replace: an "
        "out= of its own keeps both\n"
    )


def test_scoring_a_hugging_face_model_imports_no_grammar(
    tiny_run: Path, eval_dir: Path, tmp_path: Path
) -> None:
    arguments = [f"model={tiny_run / 'hf'}", f"data_dir={eval_dir}", f"out={tmp_path}"]
    output = tmp_path / "output.txt"
    arguments.append("tasks=[supplement,reading]")
    done = forked.start(run_and_list_grammar, arguments, output=output)
    assert forked.status(done) == 0, output.read_text()
    assert output.read_text().endswith("grammar: []\n")
    assert (tmp_path / "results" / "hf" / "main" / "scores.json").is_file()


def test_revision_checkpoints_evaluates_every_checkpoint(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, query_counts: list[int]
) -> None:
    options = Options(str(tiny_run), str(tmp_path), str(eval_dir), ["supplement"])
    options.revision = "checkpoints"
    run(options)
    folder = tmp_path / "results" / "tiny"
    assert {path.name for path in folder.iterdir()} == {f"chck_{n}M" for n in (1, 2, 3, 10, 20)}
    found = {p.read_text() for p in folder.glob("*/zero_shot/mlm/blimp/*/predictions.json")}
    assert len(found) > 1  # the models differ
    query_counts.clear()
    run(options)
    assert not query_counts
    options.model = str(tiny_run / "hf")
    with pytest.raises(InputError, match="has no chck_1M"):
        run(options)


def test_what_is_scored_is_said_before_and_at_ctrl_c_how_to_resume(
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MaskedModel, "log_probs", interrupt)
    with pytest.raises(SystemExit) as ended:
        command_line.run(COMMAND, [f"model={tiny_run}", f"out={tmp_path}", "tasks=[sample]"])
    assert ended.value.code == 130
    assert capsys.readouterr().out.splitlines() == [
        "scoring model on sample",
        "stopped; finished tasks are kept: the same command resumes",
    ]


def test_missing_fine_tuning_data_is_reported_before_anything_starts(
    tiny_run: Path, eval_dir: Path, tmp_path: Path
) -> None:
    for data, text in ((None, "finetune=.* needs data_dir"), (str(eval_dir), "no data for rte")):
        with pytest.raises(InputError, match=text):
            run(Options(str(tiny_run), str(tmp_path), data, ["sample"], finetune=["rte"]))
    assert not (tmp_path / "results").exists()


def test_a_sweep_is_refused_before_its_first_run_with_all_that_is_wrong(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command_line.run(COMMAND, [
            f"model={tiny_run},typo", f"out={tmp_path}", "baselines=[frequency]", "seeds=[]",
            "finetune=[rte]", "--multirun",
        ])  # fmt: skip
    said = capsys.readouterr().err
    assert "baselines=[frequency] needs frequency_text=<file>" in said and "typo" not in said
    assert "seeds=[]: fine-tuning needs at least" in said and "needs data_dir=<folder wi" in said
    with pytest.raises(SystemExit):
        command_line.run(COMMAND, [
            f"model={tiny_run},typo", f"out={tmp_path}", "tasks=[sample]", "anchors=2026",
            "rules=2025,2026", "--multirun",
        ])  # fmt: skip
    assert "anchors=2026 can't be compared" in (said := capsys.readouterr().err)
    with pytest.raises(SystemExit):
        command_line.run(
            COMMAND, [f"model={tiny_run},typo", f"out={tmp_path}", "tasks=[sample]", "--multirun"]
        )
    assert "error: model=typo: there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_broken_line_of_any_task_is_told_before_a_model_is_loaded(
    tiny_run: Path, eval_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amlm.evaluation.models.load", lambda *_, **__: pytest.fail("loaded"))
    data = Path(shutil.copytree(eval_dir, tmp_path / "data"))
    options = Options(str(tiny_run), str(tmp_path), str(data))
    path = data / "fast_eval" / "reading" / "reading_data.csv"
    whole = path.read_text()
    path.write_text(whole.replace(",", ",x", 40))
    with pytest.raises(InputError, match=r"reading_data\.csv"):
        run(options)
    path.write_text(whole)
    folder = data / "full_eval" / "glue_filtered"
    folder.mkdir()
    line = {"sentence1": "a", "sentence2": "b", "label": 1}
    for split in ("train", "valid"):
        (folder / f"rte.{split}.jsonl").write_text(json.dumps(line) + "\n")
    with (folder / "rte.valid.jsonl").open("a") as file:
        file.write("{")
    with pytest.raises(InputError, match=r"rte\.valid\.jsonl, line 2: not a JSON object"):
        run(replace(options, tasks=["supplement"], finetune=["rte"]))
    children = data / "full_eval" / "aoa" / "cdi_human.csv"
    children.write_text(children.read_text() + "word,many\n")
    with pytest.raises(InputError, match=r"cdi_human\.csv"):
        run(replace(options, suite="full"))


def test_sentences_that_are_too_long_are_reported(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "supplement_fast").mkdir()
    pair = {"sentence_good": "It rained.", "sentence_bad": "It " * 500}
    fine = {"sentence_good": "It rained.", "sentence_bad": "It"}
    text = f"{json.dumps(pair)}\n{json.dumps(fine)}\n"
    (tmp_path / "supplement_fast" / "x.jsonl").write_text(text)
    reports = evaluate(Options(str(tiny_run), str(tmp_path), str(tmp_path), ["supplement"]))
    report = reports["model"]["supplement_fast"]
    assert report.too_long == ["x_0"] and report.totals["accuracy"].unscored == 1
    assert "too long" in capsys.readouterr().out


def test_age_of_acquisition_needs_checkpoints(
    tiny_run: Path,
    eval_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, data = str(tiny_run / "hf"), str(eval_dir)
    with pytest.raises(InputError, match="needs checkpoints chck_1M"):
        evaluate(Options(model, str(tmp_path), data, ["aoa"], suite="full"))
    for name in ("aoa", "comps"):
        shutil.copytree(eval_dir / "full_eval" / name, tmp_path / name)
    reports = evaluate(Options(model, str(tmp_path), str(tmp_path), suite="full"))
    assert set(reports["model"]) == {"comps"}
    said = capsys.readouterr().out
    assert f"skipped: aoa needs checkpoints chck_1M, chck_2M ... of model={model}" in said
    assert "and revision=main\n" in said and "(no data found): blimp" in said
    assert "aoa" not in said.partition("(no data found)")[2].partition("\n")[0]

    def unreachable(model: str) -> list[str]:
        raise InputError(f"model={model}: its branches can't be listed")

    monkeypatch.setattr("amlm.evaluation.places.checkpoints", unreachable)
    options = Options(model, str(tmp_path), str(tmp_path), suite="full")
    assert evaluate(options) == reports, "the other tasks need no connection"
    assert f"skipped: model={model}: its branches can't be listed\n" in capsys.readouterr().out
    with pytest.raises(InputError, match="branches can't be listed"):
        evaluate(replace(options, tasks=["aoa"], data_dir=data))


def test_the_frequency_baseline_uses_smoothed_token_frequencies(
    tiny_model: MaskedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("amlm.util.progress_bar.MINUTE", 0.0)  # a line of progress at once
    path = tmp_path / "text.txt"
    path.write_text("the cat\nthe dog the cat\n")
    tokenizer = tiny_model.tokenizer
    counts = count_tokens(tokenizer, path)
    assert "counting tokens of text.txt: 0 lines" in capsys.readouterr().err
    (the,) = tokenizer("the", add_special_tokens=False)["input_ids"]
    assert counts[the] == 3
    scorer = Frequency(tokenizer, counts)
    assert np.exp(scorer.log_probs_V.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    expected = math.log(4 / (counts.sum() + len(counts)))
    found = score(scorer, [suffix("A cat saw", " the"), whole("the the")])
    assert found.tolist() == pytest.approx([expected, 2 * expected], abs=1e-5)


def test_permuted_sentences_tie_for_the_frequency_baseline(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "supplement_fast").mkdir()
    pair = {"sentence_good": "the dog the cat", "sentence_bad": "the cat the dog"}
    (tmp_path / "supplement_fast" / "x.jsonl").write_text(f"{json.dumps(pair)}\n")
    (tmp_path / "text.txt").write_text("the dog saw the cat")
    options = Options(str(tiny_run), str(tmp_path), str(tmp_path), ["supplement"])
    options.baselines, options.frequency_text = ["frequency"], str(tmp_path / "text.txt")
    total = evaluate(options)["frequency"]["supplement_fast"].totals["accuracy"]
    assert (total.score, total.ties) == (0, 100)


def test_load_or_compute_caches_nan(tmp_path: Path) -> None:
    path = tmp_path / "some" / "file.json"
    rows = [[1.5, float("nan")], [-2.25]]
    assert load_or_compute(path, "key", lambda: rows) == (rows, False)
    json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    found, cached = load_or_compute(path, "key", lambda: pytest.fail("was computed again"))
    assert cached and str(found) == str(rows)
    assert load_or_compute(path, "other", lambda: [[0.0]]) == ([[0.0]], False)


def test_invalid_options_are_reported_in_one_line(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, text in (
        ([f"model={tiny_run}", f"out={tmp_path}", "tasks=[blmp]"], "one of sample, blimp"),
        ([f"model={tiny_run}", f"out={tmp_path}"], "data_dir=<folder> is needed"),
        (
            [f"model={tiny_run}", f"out={tmp_path}", "tasks=[sample]", "baselines=[frequency]"],
            "frequency_text=<file>",
        ),
        (  # before the model is evaluated
            [f"model={tmp_path}", f"out={tmp_path}", "tasks=[sample]", "frequency_text=no.txt"],
            "frequency_text=no.txt is not a file",
        ),
        ([f"model={tiny_run}", f"out={__file__}", "tasks=[sample]"], "Not a directory"),
        (
            [f"model={tiny_run}", f"out={tmp_path}", "data_dir=.", "finetune=[rte]", "seeds=[]"],
            "seeds=[]: fine-tuning needs at least one seed, e.g. seeds=[42]",
        ),
        (
            [f"model={tiny_run}", f"out={tmp_path}", "submission=x.json", "seeds=[]"],
            "seeds=[]: fine-tuning needs at least one seed, e.g. seeds=[42]",
        ),
        ([f"model={tmp_path}", f"out={tmp_path}", "tasks=[sample]"], "no model in"),
    ):
        with pytest.raises(SystemExit):
            command_line.run(COMMAND, arguments)
        assert text in capsys.readouterr().err

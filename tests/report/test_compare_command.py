"""`amlm.compare`: what it reads, from run folders or from a kept file, and what it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlm.compare import CompareOptions, compare_runs
from amlm.evaluation.places import find_model
from amlm.evaluation.results import about, write_scores
from amlm.report import comparison_text as text
from amlm.report.__main__ import ReportOptions, check_report
from amlm.report.comparison import compare
from amlm.report.html_page import html_page
from amlm.report.report_data import read_report
from amlm.report.report_tables import tables_of
from amlm.report.runs import is_correlation, load_runs, read_runs, write_runs
from amlm.store.token_store import TokenStore
from amlm.training.run import Result
from amlm.util.errors import InputError
from tests.report.made_up_results import BETTER, PLAIN
from tests.report.made_up_runs import make_up_run


@pytest.mark.parametrize("given", [{}, {"baseline": "mlm", "pairs": ["hard:mlm"]}])
def test_either_a_baseline_or_pairs_are_needed(given: dict[str, Any], tmp_path: Path) -> None:
    write_runs(tmp_path / "runs.json", [*PLAIN, *BETTER])
    required = r"one of baseline=<group> and pairs=.* is required, .*; the groups are mlm, hard$"
    with pytest.raises(InputError, match=required):
        compare_runs(CompareOptions([str(tmp_path / "runs.json")], **given))


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    write_runs(file, [*PLAIN, *BETTER])
    with pytest.raises(InputError, match=r"out=.*runs\.json is a file: give a folder"):
        compare_runs(CompareOptions([str(file)], "mlm", out=str(file)))
    with pytest.raises(InputError, match=r"out=.*runs\.json is a file: give a folder"):
        check_report(ReportOptions(["outputs"], str(file)))


def test_kept_results_give_the_same_text(tmp_path: Path) -> None:
    chosen = [*PLAIN, *BETTER]
    write_runs(tmp_path / "runs.json", chosen)
    assert load_runs(tmp_path / "runs.json") == chosen
    assert (tmp_path / "runs.json").read_text().count("trainer.max_steps") == 1
    again, _ = read_runs([str(tmp_path / "runs.json")])
    assert text.as_text(compare(again, "mlm")) == text.as_text(compare(chosen, "mlm"))


@pytest.mark.parametrize("content", ["", "{}", '{"version": 0, "runs": []}', "[1]"])
def test_another_file_is_refused_by_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text(content)
    with pytest.raises(InputError, match=r"runs=.*runs\.json was not written by this version"):
        load_runs(tmp_path / "runs.json")


def test_run_folders_are_read_and_compared(
    tiny_run: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [
        tiny_run(
            f"experiment={name}",
            f"seed={seed}",
            "trainer.max_steps=4",
            f"run_dir={tmp_path}/{name}-{seed}",
        )
        for name in ("mlm", "hard")
        for seed in (0, 1)
    ]
    write_scores(tmp_path / "mlm-0" / "scores", about_model(made[0].folder), SCORED)
    unfinished = tmp_path / "hard-2"
    unfinished.mkdir()
    for name in ("config.yaml", "run.json"):
        (unfinished / name).write_bytes((made[0].folder / name).read_bytes())
    (unfinished / "log.jsonl").write_text('{"kind": "train", "step": 3}\n')

    found, skipped = read_runs([str(tmp_path)])
    by_name = {run.run: run for run in found}
    assert sorted(by_name) == ["hard-0", "hard-1", "mlm-0", "mlm-1"]
    assert skipped == [f"skipped {unfinished}: not finished (step 3)"]
    one = by_name["mlm-0"]
    last = made[0].summary
    assert one.metrics["accuracy"] == pytest.approx(100 * last["accuracy_after"])
    assert one.metrics["loss"] == last["loss_after"]
    assert one.untrained["accuracy"] == pytest.approx(100 * last["accuracy_before"])
    assert (one.metrics["blimp_fast"], one.hits["blimp_fast"]) == (51.0, {"a": "10"})
    assert by_name["mlm-1"].hits == {}
    assert one.options["trainer.max_steps"] == 4
    places = {"run_dir", "paths.cache", "data.dir", "masking.signal.path"}
    assert not places & one.options.keys()

    out = tmp_path / "out"
    compare_runs(CompareOptions([f"{tmp_path}/*-[01]"], "mlm", out=str(out)))
    printed = capsys.readouterr().out
    assert "accuracy: hard" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"comparison.{ending}" for ending in ("csv", "md", "png", "svg", "tex", "txt")),
        "runs.json",
    ]
    assert (out / "comparison.txt").read_text() in printed

    report = read_report([f"{tmp_path}/*-[01]"])
    assert [(group.name, len(group.runs), group.updates) for group in report.groups] == [
        ("hard", 2, []),
        ("mlm", 2, []),
    ]
    vocabulary = report.groups[0].runs[0].vocabulary
    assert vocabulary is not None and vocabulary.counts_V is not None
    assert "held-out loss" in html_page(report, tables_of(report), {})


def about_model(model: Path, revision: str = "main", **more: str) -> dict[str, str | None]:
    return about(find_model(str(model), revision), revision, "a hash") | {"rules": "2026", **more}


SCORED = {"blimp_fast": {"totals": {"accuracy": {"score": 51.0}}, "hits": {"a": "10"}}}


@pytest.fixture
def made_up(small_store: TokenStore, tmp_path: Path) -> Path:
    """A finished run with a model."""
    folder = make_up_run(tmp_path / "outputs" / "run", small_store)
    for name in ("hf", "checkpoints/chck_1M"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text("{}")
    return folder


def test_results_of_a_relative_path_or_of_a_run_that_was_moved_are_found(
    made_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scores(tmp_path / "eval", about_model(Path("outputs/run")), SCORED)
    tuned = {"rte": {"totals": {"accuracy": {"score": 60.0}}}}
    write_scores(made_up / "eval" / "finetune", about_model(Path("outputs/run/hf")), tuned)
    monkeypatch.chdir(made_up)
    ((run,), notes) = read_runs([str(made_up)], [str(tmp_path / "eval")])
    assert (run.metrics["blimp_fast"], run.metrics["rte"], notes) == (51.0, 60.0, [])
    moved = made_up.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    ((run,), notes) = read_runs([str(moved)], [str(tmp_path / "eval")])
    assert "blimp_fast" not in run.metrics and run.metrics["rte"] == 60.0
    assert notes == [
        f"skipped results={tmp_path / 'eval'}: none of its results is of the final model of one of "
        "these runs"
    ]


def test_results_of_a_checkpoint_or_of_a_run_before_are_not_those_of_the_final_model(
    made_up: Path, tmp_path: Path
) -> None:
    eval_ = tmp_path / "eval"
    write_scores(eval_ / "a", about_model(made_up / "checkpoints" / "chck_1M"), SCORED)
    write_scores(eval_ / "b", about_model(made_up, "chck_1M"), SCORED)
    before = about_model(made_up)
    write_scores(eval_ / "c", before, SCORED)
    described = json.loads((made_up / "run.json").read_text())
    (made_up / "run.json").write_text(json.dumps(described | {"started": "later"}))
    ((run,), notes) = read_runs([str(made_up)], [str(eval_)])
    assert "blimp_fast" not in run.metrics
    file = eval_ / "c" / "scores.json"
    assert notes == [f"skipped {file}: {made_up} was trained anew since; evaluate its model again"]
    write_scores(eval_ / "c", about_model(made_up), SCORED)
    ((run,), notes) = read_runs([str(made_up)], [str(eval_)])
    assert run.metrics["blimp_fast"] == 51.0 and notes == []


def test_scores_while_training_have_the_year_of_their_rules(made_up: Path) -> None:
    config = json.loads((made_up / "config.yaml").read_text())
    (made_up / "config.yaml").write_text(json.dumps(config | {"evaluation": {"rules": "2025"}}))
    with (made_up / "log.jsonl").open("a") as file:
        figure = {"score": 50.0, "low": None, "high": None, "ties": 0.0, "items": 10}
        record = {"kind": "evaluation", "step": 1000, "blimp": figure, "wug_adj": figure}
        file.write(json.dumps(record) + "\n")
    ((run,), _) = read_runs([str(made_up)])
    assert run.metrics["2025: blimp"] == 50.0 and run.items["2025: blimp"] == 10
    assert "blimp" not in run.metrics
    assert is_correlation("2025: wug_adj") and not is_correlation("2025: blimp")


def test_results_without_a_model_say_what_to_do(made_up: Path) -> None:
    (made_up / "scores.json").write_text('{"fingerprint": "a", "tasks": {}}')
    with pytest.raises(InputError, match=r"scores\.json was not written by this .*repeat its comm"):
        read_runs([str(made_up)])


def test_without_matplotlib_the_rest_of_a_comparison_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_runs(tmp_path / "runs.json", [*PLAIN, *BETTER])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "amlm.report.difference_plot", raising=False)
    out = tmp_path / "out"
    compare_runs(CompareOptions([str(tmp_path / "runs.json")], "mlm", out=str(out)))
    assert "pip install 'amlm[report]'" in capsys.readouterr().out
    assert (out / "comparison.txt").exists() and not (out / "comparison.svg").exists()


def test_a_pattern_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"runs=.* matches no run of amlm\.train"):
        read_runs([str(tmp_path / "nothing-*")])


def test_tables_are_logged_to_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    from amlm.report.comparison_wandb import log_tables

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    log_tables(compare([*PLAIN, *BETTER], "mlm", ["accuracy"]), "study")
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    tables = list(run.rglob("*.table.json"))
    contents = [json.loads(path.read_text()) for path in tables]
    assert {len(each["data"]) for each in contents} == {3, 1}

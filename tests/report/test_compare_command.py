"""`amlm.compare`: what it reads, from run folders or from a kept file, and what it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlm.compare import CompareOptions, compare_runs
from amlm.report import comparison_text as text
from amlm.report.comparison import compare
from amlm.report.html_page import html_page
from amlm.report.report_data import read_report
from amlm.report.report_tables import tables_of
from amlm.report.runs import load_runs, read_runs, write_runs
from amlm.training.run import Result
from amlm.util.errors import InputError
from tests.report.made_up_results import BETTER, PLAIN


@pytest.mark.parametrize("given", [{}, {"baseline": "mlm", "pairs": ["hard:mlm"]}])
def test_either_a_baseline_or_pairs_are_needed(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"one of baseline=<group> and pairs=.* is required"):
        compare_runs(CompareOptions(["outputs"], **given))


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
    (tmp_path / "mlm-0" / "scores").mkdir()
    scores = {
        "model": str(tmp_path / "mlm-0" / "hf"),
        "revision": "main",
        "rules": "2026",
        "tasks": {"blimp_fast": {"totals": {"accuracy": {"score": 51.0}}, "hits": {"a": "10"}}},
    }
    (tmp_path / "mlm-0" / "scores" / "scores.json").write_text(json.dumps(scores))
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

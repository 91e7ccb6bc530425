"""The study: its arm of Hugging Face's recipe, and what is kept and shown of its runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from amlm.compare import CompareOptions, compare_runs
from amlm.config.composition import parse
from amlm.config.schema import Config
from amlm.models.build import to_hugging_face
from amlm.report.comparison import compare
from amlm.report.groups import grouped
from amlm.report.runs import RunResult, load_runs, write_runs
from amlm.store.token_store import open_store
from amlm.train import train
from amlm.training.assemble import make_parts
from amlm.training.record import read_log

STUDY = Path(__file__).parents[2] / "notebooks" / "study"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, STUDY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run_mlm() -> ModuleType:
    return script("run_mlm")


def test_a_hugging_face_model_is_validated_as_a_run_is(
    run_mlm: ModuleType, tiny: Callable[..., Config]
) -> None:
    config = tiny("trainer.max_steps=1", "trainer.validate_every=1", "experiment=mlm")
    log = read_log(train(config).folder)
    before = next(record for record in log if record["kind"] == "validation")
    assert before["step"] == 0
    cache = Path(config.paths.cache)
    parts = make_parts(config, open_store(config.data, config.tokenizer, cache))
    found = run_mlm.validate(to_hugging_face(parts.module.model), parts)
    assert found["loss"] == pytest.approx(before["loss"], rel=1e-6)
    assert found["by_part_of_speech"] == before["by_part_of_speech"]


def test_the_recipe_is_an_arm_of_the_study(
    run_mlm: ModuleType,
    overrides: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run_mlm.json"
    words = [*overrides, "trainer.max_steps=4", "evaluation.tasks=[sample]", "evaluation.items=2"]
    for seed, lr in ((0, "0.01"), (1, "5e-5"), (0, "0.01")):  # the last again
        given = [f"out={out}", f"seed={seed}", f"lr={lr}", *words]
        monkeypatch.setattr(sys, "argv", ["run_mlm.py", *given])
        run_mlm.main()
    first, second = sorted(load_runs(out), key=lambda run: run.seed)
    assert (first.run, second.run) == ("run_mlm_lr_0.01-0", "run_mlm-1")
    assert list(grouped([first, second])) == ["run_mlm_lr_0.01", "run_mlm"]
    assert first.options["optimizer.lr"] == 0.01 and first.options["optimizer.beta2"] == 0.999
    assert {"accuracy", "accuracy_over_bins", "loss", "sample"} <= first.metrics.keys()
    assert first.metrics["loss"] != second.metrics["loss"]
    assert 0.1 < first.ratio < 0.2 and first.words_seen > 0


@pytest.fixture(scope="module")
def findings() -> ModuleType:
    return script("findings")


@pytest.fixture(scope="module")
def kept() -> list[RunResult]:
    return load_runs(STUDY / "runs.json")


def test_tables_and_figures_are_those_of_the_kept_runs(
    findings: ModuleType, tmp_path: Path
) -> None:
    findings.write(tmp_path)
    expected = {
        f"{name}.{kind}" for name in ("primary", "frequency_bins") for kind in ("png", "svg")
    }
    expected |= {f"{name}.md" for name in findings.COMPARISONS}
    assert {path.name for path in tmp_path.iterdir()} == expected
    for name in expected:
        assert (STUDY / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_readme_shows_what_compare_prints(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (STUDY.parents[1] / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    block = re.search(
        r"^python -m amlm\.compare (runs=notebooks/study/runs\.json .+?)$.*?```text\n(.+?)```",
        readme,
        flags=re.M | re.S,
    )
    assert block is not None
    compare_runs(parse(CompareOptions, shlex.split(block[1])))
    printed = capsys.readouterr().out
    assert "hard_decay_nhot" in block[2] and block[2] in printed


def test_the_primary_result_is_that_of_scipy(findings: ModuleType, kept: list[RunResult]) -> None:
    by_seed = {(run.group, run.seed): run.metrics for run in kept}
    tests = {
        (metric, *pair.split(":")): stats.ttest_rel(
            *([by_seed[arm, seed][metric] for seed in range(6)] for arm in pair.split(":"))
        )
        for metric in findings.MEASURES
        for pair in findings.PRIMARY
    }
    corrected = multipletests([each.pvalue for each in tests.values()], method="holm")[1]
    found = compare(kept, findings.PRIMARY, findings.MEASURES)
    assert found.comparisons == 6
    rows = {
        (table.metric, row.group, row.baseline): row
        for table in found.tables
        for row in table.rows
        if row.difference
    }
    assert rows.keys() == tests.keys()
    for (key, test), p in zip(tests.items(), corrected, strict=True):
        row, interval = rows[key], test.confidence_interval(0.95)
        assert row.difference is not None and row.p == pytest.approx(p)
        assert (row.difference.low, row.difference.high) == pytest.approx(tuple(interval))


def test_frequent_and_rarer_bins_make_up_the_mean_over_all(
    findings: ModuleType, kept: list[RunResult]
) -> None:
    run = findings.with_parts(kept[0])
    assert list(findings.bins(run.metrics))[-2:] == [
        "accuracy/65535-131070",
        "accuracy/131071-262142",
    ]
    top, rarer = (run.metrics[name] for name in findings.PARTS)
    assert (2 * top + 16 * rarer) / 18 == pytest.approx(run.metrics["accuracy_over_bins"])


def test_nothing_is_tested_before_the_primary_arms_have_all_seeds(
    findings: ModuleType,
    kept: list[RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = [run for run in kept if (run.group, run.seed) != ("soft_decay", 3)]
    write_runs(tmp_path / "runs.json", some)
    monkeypatch.setattr(findings, "RUNS", tmp_path / "runs.json")
    with pytest.raises(SystemExit, match=r"soft_decay lacks seeds \[3\]"):
        findings.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_kept_runs_name_no_folders(kept: list[RunResult]) -> None:
    assert len({(run.group, run.seed) for run in kept}) == len(kept)
    values = [value for run in kept for value in (run.run, *run.options.values())]
    assert not [value for value in values if isinstance(value, str) and "/" in value]


def test_a_new_run_is_kept_beside_those_kept_before(
    findings: ModuleType,
    kept: list[RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, *others = kept
    write_runs(tmp_path / "kept.json", others)
    write_runs(tmp_path / "new.json", [replace(first, run="a/folder")])
    monkeypatch.setattr(findings, "RUNS", tmp_path / "runs.json")
    findings.keep([str(tmp_path / name) for name in ("new.json", "kept.json")])
    assert load_runs(tmp_path / "runs.json") == kept

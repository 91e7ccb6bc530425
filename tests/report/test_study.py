"""The arm of the study that trains with Hugging Face's recipe."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from amlm.config.schema import Config
from amlm.models.build import to_hugging_face
from amlm.report.groups import grouped
from amlm.report.runs import load_runs, write_runs
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


def test_tables_and_figures_of_the_kept_runs_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    findings = script("findings")
    for name in ("one", "two"):
        findings.write(tmp_path / name)
    made = sorted(path.name for path in (tmp_path / "one").iterdir())
    kinds = ("md", "png", "svg")
    assert made == sorted(f"{name}.{kind}" for name in findings.COMPARISONS for kind in kinds)
    for name in made:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_kept_runs_name_no_folders() -> None:
    runs = load_runs(STUDY / "runs.json")
    assert len({(run.group, run.seed) for run in runs}) == len(runs) >= 25
    values = [value for run in runs for value in (run.run, *run.options.values())]
    assert not [value for value in values if isinstance(value, str) and "/" in value]


def test_a_new_run_is_kept_beside_those_kept_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = script("findings")
    first, *others = load_runs(STUDY / "runs.json")
    write_runs(tmp_path / "kept.json", others)
    write_runs(tmp_path / "new.json", [replace(first, run="a/folder")])
    monkeypatch.setattr(findings, "RUNS", tmp_path / "runs.json")
    findings.keep([str(tmp_path / name) for name in ("new.json", "kept.json")])
    assert load_runs(tmp_path / "runs.json") == load_runs(STUDY / "runs.json")

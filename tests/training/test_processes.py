"""Whole commands: a sweep, any folder."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch.torch_version import TorchVersion

from amlm.config.run_schema import TrainerConfig
from amlm.training import devices, run
from amlm.training.objective import objective
from amlm.training.run import Result
from amlm.util.errors import InputError

COMPLETE = {"config.yaml", "run.json", "log.jsonl", "tables.f32", "checkpoints", "hf"}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_sweep_of_four_writes_four_complete_folders(
    command_here: Callable[..., None], tmp_path: Path
) -> None:
    steps = ("trainer.max_steps=2", "masking.update_every=1", "logger=csv")
    command_here(*steps, "experiment=mlm,hard", "seed=0,1", "--multirun")
    folders = sorted((tmp_path / "outputs").glob("[mh]*/*"))
    folders = [folder for folder in folders if folder.parent.name != "multirun"]
    experiments = sorted(folder.parent.name.partition("-")[0] for folder in folders)
    assert experiments == ["hard", "hard", "mlm", "mlm"]
    assert all(_names(folder) >= COMPLETE | {"metrics.csv"} for folder in folders)
    assert all(json.loads((f / "run.json").read_text())["finished"] for f in folders)
    sweeps = {line for f in folders for line in (f / "config.yaml").read_text().splitlines()
              if line.startswith("sweep:")}  # fmt: skip
    assert len(sweeps) == 1 and sweeps != {"sweep: null"}


def test_an_extended_sweep_trains_only_the_new_runs(
    command_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sweep(seeds: str) -> str:
        command_here("trainer.max_steps=1", seeds, f"run_dir={tmp_path / 'mine'}", "-m")
        return capsys.readouterr().out

    sweep("seed=3,4")
    first = _names(tmp_path / "mine")
    assert {name.split(",")[0] for name in first} == {"seed=3", "seed=4"}  # cut, what varies first
    stamps = {name: (tmp_path / "mine" / name / "run.json").stat().st_mtime_ns for name in first}
    printed = sweep("seed=5,4,3")
    assert printed.count(" skipped, it had finished: seed=") == 2
    assert "sweep    3 runs: 1 finished, 2 skipped\n" in printed
    assert len(_names(tmp_path / "mine")) == 3
    assert all(
        (tmp_path / "mine" / name / "run.json").stat().st_mtime_ns == stamp
        for name, stamp in stamps.items()
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "needs the package triton, which is not installed: pip install 'amlm[triton]'"),
        ("triton", "needs a GPU, and this run is on a CPU: use trainer.attention=torch"),
    ],
)
def test_fused_attention_is_refused_where_it_cannot_run(
    found: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(devices, "find_spec", lambda _: found)
    options = TrainerConfig(accelerator="cpu", attention="triton")
    with pytest.raises(InputError, match=f"trainer.attention=triton {re.escape(message)}"):
        devices.check_device(options)


def test_compiling_for_a_gpu_needs_a_version_of_torch_that_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "uses_cuda", lambda _: True)
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.11.0+cu130"))
    devices.check_compiler(TrainerConfig())
    with pytest.raises(InputError, match=r"2\.13 or later on a GPU, and this is 2\.11\.0"):
        devices.check_compiler(TrainerConfig(compile="reduce-overhead"))
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.13.0"))
    devices.check_compiler(TrainerConfig(compile="reduce-overhead"))


@pytest.mark.parametrize(
    ("gpu", "compiled", "fixed"),
    [(False, "none", False), (True, "none", True), (True, "reduce-overhead", False)],
)
def test_sums_have_a_fixed_order_on_gpus_where_nothing_is_compiled(
    gpu: bool, compiled: str, fixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # removed again, whatever it becomes
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(devices, "uses_cuda", lambda _: gpu)
    with devices.fixed_order_of_sums(TrainerConfig(compile=compiled)):
        assert torch.are_deterministic_algorithms_enabled() == fixed
        assert torch.utils.deterministic.fill_uninitialized_memory != fixed  # type: ignore[attr-defined]
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == fixed
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]


def test_a_run_checks_the_compiler_first_and_trains_with_sums_in_a_fixed_order(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = []

    @contextmanager
    def fixed(options: TrainerConfig) -> Iterator[None]:
        noted.append("fixed")
        yield

    monkeypatch.setattr(run, "check_compiler", lambda _: noted.append("checked"))
    monkeypatch.setattr(run, "fixed_order_of_sums", fixed)
    tiny_run("trainer.max_steps=1")
    assert noted == ["checked", "fixed"]


def test_a_missing_gpu_is_reported_before_any_work(
    command_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_here("impl=gpu")
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: trainer.accelerator=gpu, which impl=gpu sets too, needs a GPU, and torch finds "
        "none: use trainer.accelerator=cpu\n"
    )
    assert not (tmp_path / "outputs").exists()


def test_optuna_finds_the_lowest_objective_of_real_trainings(
    command_here: Callable[..., None], tmp_path: Path
) -> None:
    command_here(
        *("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1"),
        *("hydra.sweeper.sampler.seed=1", f"hydra.sweep.dir={tmp_path / 'study'}"),
        *("optimizer.lr=tag(log,interval(1e-3,1e-1))", f"run_dir={tmp_path / 'mine'}"),
        *("trainer.max_steps=2", "optimizer=adamw"),
    )
    losses = {
        OmegaConf.load(folder / "config.yaml").optimizer.lr: objective(folder, "validation/loss")
        for folder in (tmp_path / "mine").iterdir()
    }
    best = OmegaConf.load(tmp_path / "study" / "optimization_results.yaml")
    assert len(losses) == 2 and best.best_value == min(losses.values())
    assert losses[best.best_params["optimizer.lr"]] == best.best_value


def test_a_sweep_of_jobs_submits_only_what_has_not_finished(
    command_here: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = ("impl=slurm", "slurm.submit=local", "trainer.accelerator=cpu")
    steps = (*jobs, "trainer.max_steps=1", f"run_dir={tmp_path / 'mine'}", "-m")
    with monkeypatch.context() as patch:
        patch.setenv("SLURM_JOB_ID", "1")  # in a job it just runs
        command_here("seed=3", *steps)
    capsys.readouterr()
    command_here("seed=3,4", *steps)
    assert "sweep    2 runs: 1 skipped, 1 submitted\n" in capsys.readouterr().out
    (new,) = (path for path in (tmp_path / "mine").iterdir() if "seed=4" in path.name)
    deadline = time.monotonic() + 300
    while not (run := _description(new)).get("finished"):
        assert time.monotonic() < deadline, run
        time.sleep(0.2)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

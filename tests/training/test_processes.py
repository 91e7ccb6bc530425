"""Whole commands: a sweep, any folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amlm.config.run_schema import TrainerConfig
from amlm.training import devices
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
    assert {name.split(",")[1] for name in first} == {"seed=3", "seed=4"}
    stamps = {name: (tmp_path / "mine" / name / "run.json").stat().st_mtime_ns for name in first}
    printed = sweep("seed=5,4,3")
    assert printed.count("skipped: ") == 2
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


def test_a_missing_gpu_is_reported_before_any_work(
    command_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_here("impl=gpu")
    assert ended.value.code == 2
    assert "use impl=cpu" in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()
